"""Which names promise a secret."""

from __future__ import annotations

import pytest

from autogen_otel.redaction.names import hides, looks_secret, words_of

SECRET = words_of(
    """
    apiKey api-key api_key API_KEY X-Api-Key x_api_key OPENAI_API_KEY openaiApiKey apikey
    OPENAIKEYS_API_KEY api_keys OPENAI_KEY client_secret clientSecret access_token accessToken
    refreshToken id_token authToken bearer_token token GITHUB_TOKEN HF_TOKEN passwd pwd password
    db_password PGPASSWORD MYSQL_PWD passphrase userPass pin card_pin private_key privateKey
    session_token azure_ad_token cookie set-cookie Set-Cookie sas sas_token credentials
    aws_secret_access_key AWS_SECRET_ACCESS_KEY aws_secret_key connection_string connectionString
    Authorization Proxy-Authorization authorization auth basic_auth AccountKey SharedAccessKey
    Ocp-Apim-Subscription-Key secret secret_key_base token_secret access_tokens auth_header password2
    webhook_secret jwt otp cvv client_assertion secret_id x-functions-key user.password
    password_confirmation verification_code
    """
)

HARMLESS = words_of(
    """
    max_tokens input_tokens token_count tokens author authors authority monkey key keys keyboard
    primary_key foreign_key sort_key cache_key idempotency_key public_key key_id aws_access_key_id
    private_key_id token_type token_limit prompt_tokens completion_tokens total_tokens next_page_token
    stop_token eos_token token_ids tokenizer TOKENIZERS_PARALLELISM SSH_AUTH_SOCK XAUTHORITY
    password_length password_policy has_password is_secret secret_name secretary passport passenger
    compass bypass pass_rate first_pass code status_code zip_code policy_id spin pinned auth_url
    auth_type cookie_policy signature function_signature sacred prior_authorization preauthorization
    authenticated oauth credit accessibility apartment monkeys turkey donkey expires_at basic
    """
)


@pytest.mark.parametrize("name", sorted(SECRET))
def test_a_name_that_promises_a_secret_is_recognised(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize("name", sorted(HARMLESS))
def test_a_harmless_look_alike_is_left_alone(name: str) -> None:
    assert not looks_secret(name)


@pytest.mark.parametrize("value", [None, True, False, "", b""])
def test_a_value_that_can_hold_no_secret_stays_visible(value: object) -> None:
    assert not hides("api_key", value)


def test_the_end_of_a_very_long_name_counts() -> None:
    assert looks_secret("nested." * 100 + "api_key")


def test_a_number_is_hidden_under_pin_but_not_under_a_name_that_also_counts() -> None:
    assert hides("pin", 1234)
    assert not hides("pass", 12)
    assert hides("pass", "hunter2")
