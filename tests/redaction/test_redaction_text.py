"""Secrets in free text, and what must pass unharmed."""

from __future__ import annotations

import pytest

from autogen_otel.redaction import KnownSecrets
from autogen_otel.redaction.redactor import Redactor

A = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0"

FORMATS = {
    "OpenAI": f"sk-{A}",
    "OpenAI project": f"sk-proj-{A}_-{A}",
    "OpenAI with hyphens": "sk-some-gateway-key-0123456789",
    "Anthropic": f"sk-ant-api03-{A}-AA",
    "OpenRouter": f"sk-or-v1-{A}",
    "AWS": "AKIAIOSFODNN7EXAMPLE",
    "AWS temporary": "ASIAIOSFODNN7EXAMPLE",
    "Google": f"AIza{A[:35]}",
    "GitHub": f"ghp_{A[:36]}",
    "GitHub server": f"ghs_{A[:36]}",
    "GitHub fine-grained": f"github_pat_{A}",
    "GitLab": f"glpat-{A[:20]}",
    "Slack": "xoxb-1234567890-abcdefghij",
    "Stripe": f"sk_live_{A[:24]}",
    "Hugging Face": f"hf_{A[:34]}",
    "Groq": f"gsk_{A}",
    "xAI": f"xai-{A}",
    "SendGrid": f"SG.{A[:22]}.{A}",
    "Perplexity": f"pplx-{A}",
    "NVIDIA": f"nvapi-{A}",
    "AWS Bedrock": f"ABSK{A}{A}",
    "Azure AI": f"{A}{A[:12]}JQQJ99{A[:26]}",
    "Azure client secret": f"{A[:3]}8Q~{A[:34]}",
    "Azure Storage": f"{A}{A[:36]}+ASt{A[:6]}==",
    "GitLab routable": f"glpat-{A[:27]}.01.abcdefghi".replace(".01.", "-01."),
    "GitLab runner": f"GR1348941{A[:20]}",
    "Slack refresh": f"xoxe.xoxp-1-{A}",
    "Twilio": f"SK{'0a1b2c3d' * 4}",
    "Mailgun": f"key-{'0a1b2c3d' * 4}",
    "Mailchimp": f"{'0a1b2c3d' * 4}-us12",
    "npm": f"npm_{A[:36]}",
    "PyPI": f"pypi-AgEIcHlwaS5vcmc{A}",
    "Databricks": f"dapi{'0a1b2c3d' * 4}-2",
    "Telegram": f"123456789:AA{A[:33]}",
    "Discord": f"MTA{A[:21]}.GabcdE.{A[:38]}",
    "Docker Hub": f"dckr_pat_{A[:27]}",
    "Vault": f"hvs.{A}{A}",
    "age": f"AGE-SECRET-KEY-1{A.upper()}{A.upper()[:18]}",
    "1Password": f"ops_eyJ{A}",
    "Mapbox": f"sk.eyJ{A}.{A[:22]}",
    "Grafana": f"glsa_{A[:32]}_0a1b2c3d",
    "Sentry": f"sntryu_{'0a1b2c3d' * 8}",
    "HubSpot": "pat-na1-0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f",
    "Notion": f"ntn_12345678901{A[:35]}",
    "Supabase": f"sbp_{'0a1b2c3d' * 5}",
    "Terraform": f"{A[:14]}.atlasv1.{A}{A[:25]}",
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.s5HkXQ-x_Y",
    "JWT cut in its header": "eyJhbGciOiJIUzI1NiIsInR5",
    "PEM": "-----BEGIN RSA PRIVATE KEY-----\nMIIEow+/x\nab==\n-----END RSA PRIVATE KEY-----",
    "PEM escaped": "-----BEGIN PRIVATE KEY-----\\nMIIEow\\n-----END PRIVATE KEY-----\\n",
    "PEM cut": "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\nAAAA",
    "PGP": "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 2 (x)\n\nl\n-----END PGP PRIVATE KEY BLOCK-----",
}


def redacted(text: str) -> str:
    return Redactor(KnownSecrets()).text(text)


@pytest.mark.parametrize("key", FORMATS.values(), ids=FORMATS.keys())
def test_a_key_of_known_format_leaves_nothing_behind(key: str) -> None:
    assert redacted(f"({key})").replace("\\n", "") == "([redacted])"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Bearer abc123def456", "Bearer [redacted]"),
        ("Basic dXNlcjpwYXNz", "Basic [redacted]"),
        ("Authorization: Bearer my-plain-token", "Authorization: [redacted]"),
        ("authorization=Token abcdefghi", "authorization=[redacted]"),
        ('-H "Authorization: Digest username=a, response=b" x', '-H "Authorization: [redacted]'),
        ("Cookie: a=b; c=d\nHost: x", "Cookie: [redacted]\nHost: x"),
        ("password=hunter2", "password=[redacted]"),
        ("password = hunter2, user=bob", "password = [redacted], user=bob"),
        ("password: swordfish", "password: [redacted]"),
        ("pwd=abc", "pwd=[redacted]"),
        ('{"api_key": "abc", "model": "m"}', '{"api_key": "[redacted]", "model": "m"}'),
        ('{"api_key":"a\\"bc", "b": 1}', '{"api_key":"[redacted]", "b": 1}'),
        (r"{\"password\": \"a\\\"bc\", \"b\": 1}", r"{\"password\": \"[redacted]\", \"b\": 1}"),
        ("{'password': 'x y', 'a': None}", "{'password': '[redacted]', 'a': None}"),
        ('{"password": "never closed\nnext', '{"password": "[redacted]\nnext'),
        ('"pin": 1234', '"pin": [redacted]'),
        ('message="password=abc"', 'message="password=[redacted]"'),
        ("headers['X-Api-Key'] = 'abc'", "headers['X-Api-Key'] = '[redacted]'"),
        ("API key: abcdef123", "API key: [redacted]"),
        ("curl --token abc123 --password hunter2", "curl --token [redacted] --password [redacted]"),
        ("--api-key=abcdef", "--api-key=[redacted]"),
        ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG", "AWS_SECRET_ACCESS_KEY=[redacted]"),
        ("postgres://user:p@ss@host/db", "postgres://[redacted]@host/db"),
        ("https://token@github.com/x", "https://[redacted]@github.com/x"),
        (
            "https://x/y?api-key=abc123&sig=abcdefghij&page=2&code=abcdefghij#access_token=zzzzzz",
            "https://x/y?api-key=[redacted]&sig=[redacted]&page=2&code=[redacted]#access_token=[redacted]",
        ),
        (
            "AccountName=n;AccountKey=abc+/==;EndpointSuffix=core",
            "AccountName=n;AccountKey=[redacted];EndpointSuffix=core",
        ),
        ("Endpoint=sb://x/;SharedAccessKey=abcdef=", "Endpoint=sb://x/;SharedAccessKey=[redacted]"),
        ("a\x00b\ud800c\x1b[0m", "a\\x00b\\ud800c\\x1b[0m"),
    ],
)
def test_a_secret_in_its_setting_is_replaced_and_the_rest_stays(text: str, expected: str) -> None:
    once = redacted(text)
    assert once == expected
    assert redacted(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "The secret: never give up hope.",
        "Basic authentication needs a basic understanding; bearer certificates are rare.",
        "token: invalid",
        "Unexpected token: '}'",
        "Unexpected token: foo",
        "password: missing, expected string",
        "api_key: unknown argument, got null",
        "def login(password: str, token: str | None = None) -> bool:",
        "client = OpenAI(api_key=os.environ['OPENAI'], password=password, token=self.token)",
        "api_key=None password=${DB_PASSWORD} secret=%s",
        "max_tokens=4096 input_tokens: 123456 token_count=5555555",
        "author: Somebody Else, key: value, primary_key=123456789",
        "req_123456789 call_abcdefghijklmnop chatcmpl-9aBcDeFgHiJkLmNoPqRsTuVwX",
        "550e8400-e29b-41d4-a716-446655440000",
        "d41d8cd98f00b204e9800998ecf8427e 9416923 da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "/usr/lib/python3.10/site-packages/sk-learn/pipeline-of-estimators.py",
        "https://example.com/a/b?code=404&page=2#top and user@example.com",
        "http://[::1]:8080/x:y@z",
        "sk-learn sk-SK task-force-risk-management hf_hub_download xai-tools glpat",
        "12:30:45 pass: 12, fail: 3",
        "eyJ is how base64 of a JSON object begins",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "ConversableAgent -> group chat [redacted]",
        "MainController.GroupA.handle_every_incoming_message Node.js NONE.md",
        "12:30:45:AA key-value pairs, pat-down, fc-list, pa-per, sess-ion fig. 1 EAAA",
        "SKU-0001 SKELETON LTAI A3-paper v1.0-rc1 sha256~ dp.parts hvac.units",
        "naïve café 東京 🚀",
    ],
)
def test_harmless_text_passes_unharmed(text: str) -> None:
    assert redacted(text) == text


def test_a_cached_text_is_redacted_anew_once_a_secret_is_known() -> None:
    secrets = KnownSecrets()
    redactor = Redactor(secrets)
    assert redactor.text("tool-planted-1") == "tool-planted-1"
    secrets.add("planted-1")
    assert redactor.text("tool-planted-1") == "tool-[redacted]"


@pytest.mark.parametrize("shift", range(-30, 30))
def test_no_half_of_a_secret_survives_at_the_cut(shift: int) -> None:
    secret = "qwxzjv-0123456789-qwxzjv"
    secrets = KnownSecrets()
    secrets.add(secret)
    redactor = Redactor(secrets)
    for total in (300, 100_000):
        text = "." * (200 + shift) + secret + "." * total
        output = redactor.fit(text, 200)
        assert "qwxz" not in output
        assert len(output) <= 200
        assert output.endswith(f"…[cut, {len(text)} characters in all]")


def test_secrets_that_shrink_the_text_do_not_bring_the_windows_halved_end_to_light() -> None:
    secret = "qwxzjv" * 100
    secrets = KnownSecrets()
    secrets.add(secret)
    for shift in range(0, 600, 37):
        output = Redactor(secrets).fit("." * shift + secret * 1000, 256)
        assert "qwxz" not in output
