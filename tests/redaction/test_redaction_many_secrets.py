"""Many secrets, short ones, and those that come and go."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_otel.redaction import KnownSecrets
from autogen_otel.redaction.known.secrets import _is_placeholder
from autogen_otel.redaction.redactor import Redactor
from tests.support.secrets import random_text

MASK = "[redacted]"
KEYS = [random_text(f"key {number}") for number in range(3000)]
PASSWORDS = [f"{random_text(f'password {number}', 7)}!" for number in range(400)]

SECRET_TEXT = st.text(
    alphabet=st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="[]"), min_size=8, max_size=40
).filter(
    # Hypothesis also tries words that stand in our source, placeholders among them.
    lambda text: len(text.strip()) == len(text) and len(set(text)) > 4 and not _is_placeholder(text)
)

EMBEDDED: list[Callable[[str], str]] = [
    lambda secret: secret,
    quote,
    lambda secret: quote(secret, safe=""),
    lambda secret: quote(quote(secret, safe=""), safe=""),
    lambda secret: json.dumps({"a": [secret]}),
    lambda secret: json.dumps(json.dumps({"a": secret})),
    lambda secret: json.dumps(secret, ensure_ascii=False),
    lambda secret: repr({"a": secret}),
    html.escape,
]


def knowing(*secrets: str) -> KnownSecrets:
    store = KnownSecrets()
    for secret in secrets:
        store.add(secret)
    return store


@pytest.mark.parametrize("known", [1, 10, 500], ids=lambda known: f"{known} known")
def test_every_known_secret_is_masked_wherever_it_stands(known: int) -> None:
    secrets = [*KEYS[:known], *PASSWORDS[: known // 2 + 1]]
    store = knowing(*secrets)
    for number, secret in enumerate(secrets):
        before = "x" * (number % 23)
        assert store.mask(f"{before}{secret}") == f"{before}{MASK}"
        assert store.mask(f"{before} {secret} {before}") == f"{before} {MASK} {before}"


@given(SECRET_TEXT, st.sampled_from(EMBEDDED), st.text(max_size=30), st.text(max_size=30), st.booleans())
def test_no_known_secret_survives_however_it_is_written(
    secret: str, embed: Callable[[str], str], before: str, after: str, many: bool
) -> None:
    store = knowing(*(KEYS[:200] if many else ()), secret)
    written = embed(secret)
    output = store.mask(f"{before}{written}{after}")
    assert secret not in output
    opening, closing = embed("xyz").split("xyz")
    assert written[len(opening) : len(written) - len(closing)] not in output
    assert store.mask(output) == output


@given(st.binary(max_size=20), st.binary(max_size=20), st.sampled_from(KEYS[:50]), st.booleans())
def test_no_known_secret_survives_inside_base64(before: bytes, after: bytes, key: str, urlsafe: bool) -> None:
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    written = encode(before + key.encode() + after).decode()
    output = knowing(*KEYS[:50]).mask(written)
    assert MASK in output
    decoded = base64.b64decode(written.encode(), altchars=b"-_" if urlsafe else None)
    assert key.encode() in decoded
    assert len(output) - len(MASK) <= len(written) - 4 * (len(key) // 3 - 1)


@given(st.text(max_size=400), st.integers(0, 400), st.integers(64, 300))
def test_no_part_of_a_secret_comes_back_with_the_cut(text: str, at: int, limit: int) -> None:
    secret = KEYS[0]
    planted = f"{text[:at]}{secret}{text[at:]}" * 30
    redactor = Redactor(knowing(secret))
    for output in (redactor.fit(planted, limit), redactor.fit_end(planted, limit)):
        assert len(output) <= limit
        assert not any(secret[part : part + 10] in output for part in range(30))


@given(st.text(max_size=300))
def test_redacting_a_second_time_changes_nothing_and_never_raises(text: str) -> None:
    redactor = Redactor(knowing(*KEYS[:5]))
    once = redactor.text(f"{text} password={KEYS[9]} {KEYS[0]} {text}")
    assert KEYS[0] not in once
    assert KEYS[9] not in once
    assert redactor.text(once) == once


def test_thousands_of_rotating_keys_are_remembered_for_a_bounded_while() -> None:
    store = KnownSecrets()
    for key in KEYS:
        store.add(key)
        assert store.mask(key) == MASK
    masked = [key for key in KEYS if store.mask(key) == MASK]
    assert masked == KEYS[-len(masked) :]
    assert 500 <= len(masked) <= 1000
    assert store.longest < 200


def test_a_key_that_is_seen_again_outlives_those_that_are_not() -> None:
    store = knowing("the-key-in-use-1")
    for key in KEYS:
        store.add("the-key-in-use-1")
        store.add(key)
    assert store.mask("the-key-in-use-1") == MASK


def test_who_reads_agents_once_is_told_that_secrets_were_forgotten() -> None:
    store, evictions = KnownSecrets(), list[int]()
    store.on_eviction = lambda: evictions.append(1)
    for key in KEYS[:1000]:
        store.add(key)
    assert evictions == []
    store.add(KEYS[1000])
    assert evictions == [1]


def test_the_environment_is_not_forgotten_and_read_again_where_it_changed() -> None:
    store = KnownSecrets()
    store.add_environment({"OPENAI_API_KEY": "first-key-1"})
    for key in KEYS:
        store.add(key)
    assert store.mask("first-key-1") == MASK
    version = store.version
    store.add_environment({"OPENAI_API_KEY": "first-key-1"})
    assert store.version == version
    store.add_environment({"OPENAI_API_KEY": "second-key-2", "PROXY": "http://me:proxy-pass-3@host"})
    # What was true until now may still be in somebody's hands.
    assert store.mask("first-key-1 second-key-2 proxy-pass-3") == f"{MASK} {MASK} {MASK}"


@pytest.mark.parametrize("pin", ["1234", "a1b2", "80912"])
def test_a_short_key_of_the_configuration_is_masked_as_a_word_only(pin: str) -> None:
    store = KnownSecrets()
    store.add_tree({"password": pin})
    assert store.mask(f"wrong: {pin}!") == f"wrong: {MASK}!"
    assert store.mask(f"\\n{pin}") == f"\\n{MASK}"
    for harmless in (f"{pin}5", f"x{pin}", f"0{pin}0"):
        assert store.mask(harmless) == harmless


@pytest.mark.parametrize("word", ["abcd", "test", "gpt", "0000", "12"])
def test_a_short_word_that_means_nothing_alone_is_left(word: str) -> None:
    store = KnownSecrets()
    store.add(word)
    assert store.version == 0


def test_short_arguments_of_tools_are_not_remembered() -> None:
    store = KnownSecrets()
    store.add_arguments({"password": "1234"})
    assert store.version == 0


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("Authorization", "Bearer fresh-token-of-a-provider", "fresh-token-of-a-provider"),
        ("authorization", "Basic " + base64.b64encode(b"me:swordfish-1").decode(), "swordfish-1"),
        ("Proxy-Authorization", "Basic " + base64.b64encode(b"me:swordfish-2").decode(), "swordfish-2"),
        ("api-key", "plain-key-value", "plain-key-value"),
        (b"X-Api-Key", b"key-in-bytes", "key-in-bytes"),
        ("Cookie", "theme=d; sid=session-value-9; x=1", "session-value-9"),
        ("X-Custom", "Bearer t0ken-under-any-name", "t0ken-under-any-name"),
    ],
)
def test_what_authorises_in_a_request_as_sent_becomes_known(
    name: str | bytes, value: str | bytes, secret: str
) -> None:
    store = KnownSecrets()
    store.add_headers([(name, value)])
    assert store.mask(f"refused {secret}") == f"refused {MASK}"


def test_what_does_not_authorise_in_a_request_stays_unknown() -> None:
    store = KnownSecrets()
    store.add_headers(
        [
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            ("idempotency-key", "stainless-python-retry-0123456789abcdef"),
            ("user-agent", "OpenAI/Python 1.109.1"),
            ("x-stainless-runtime-version", "3.12.1"),
            ("x-request-id", "req_0123456789abcdef"),
            ("content-length", "1234"),
            ("authorization", "Bearer ollama"),
        ]
    )
    assert store.version == 0
