"""The user's own redaction: it can only remove, whatever it returns or does."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_otel.recording import ArgumentProblem
from autogen_otel.redaction import KnownSecrets
from autogen_otel.redaction.redactor import Redactor
from autogen_otel.redaction.removal import mask_removed
from autogen_otel.settings import Settings, SettingsError
from tests.support.rendering import Content, ContentKind, ContentRenderer
from tests.support.telemetry import own_log_records

MASK = "[redacted]"
SIGNS = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
"""Of scripts that have no spaces; each counts as a word."""
WORDS = re.compile(rf"\[redacted\]|[{SIGNS}]|[^\W{SIGNS}]+|[^\w\s]")


def without(*names: str) -> Callable[[str], str]:
    """A hook such as users write."""

    def redact(text: str) -> str:
        for name in names:
            text = text.replace(name, "***")
        return text

    return redact


class Noting:
    """A hook that takes nothing out and notes what it is shown."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, text: str) -> str:
        self.texts.append(text)
        return text


def content_renderer(hook: Any, limit: int = 400) -> ContentRenderer:
    return ContentRenderer(Settings(redact=hook, max_value_length=limit), KnownSecrets())


@pytest.mark.parametrize(
    ("ours", "theirs", "output"),
    [
        ("Ada Lovelace called.", "*** called.", f"{MASK} called."),
        ("Ask Ada, please.", "Ask ***, please.", f"Ask {MASK}, please."),
        ("Ask Ada, please.", "Ask , please.", f"Ask {MASK}, please."),
        ("Ask Ada", "Ask ", f"Ask {MASK}"),
        ("Ada", "", MASK),
        ("Ada met Bob and Ada", "X met Y and X", f"{MASK} met {MASK} and {MASK}"),
        ("call 555-0199 now", "call 555-**** now", f"call 555-{MASK} now"),
        ("a secret123 b", "a secret b", f"a {MASK} b"),
        ("ada@example.com wrote", "<EMAIL> wrote", f"{MASK} wrote"),
        ("one two", "one two three, and a key sk-123", "one two"),
        ("one two", "zero one two", "one two"),
        ("one two", "two one", f"{MASK} two"),
        ('{"name": "Ada", "n": 1}', '{"name": "***", "n": 1}', f'{{"name": "{MASK}", "n": 1}}'),
        ("Ask Ada now", "Ask <b>Ada</b> now", "Ask Ada now"),
        (" padded ", "padded", " padded "),
        ("two  spaces", "two spaces", "two  spaces"),
        ("wholly new", "something else entirely", MASK),
        (f"key {MASK} of Ada", f"key {MASK} of {MASK}", f"key {MASK} of {MASK}"),
        ("客户张伟来电", "客户**来电", f"客户{MASK}来电"),
    ],
)
def test_what_the_hook_took_out_is_masked_and_what_it_put_in_is_left_out(
    ours: str, theirs: str, output: str
) -> None:
    assert mask_removed(ours, theirs) == output


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_word_is_exported_that_was_not_in_ours(ours: str, theirs: str) -> None:
    output = WORDS.findall(mask_removed(ours, theirs))
    had = iter(WORDS.findall(ours))
    # Each word that is no mask is found in ours, in that order.
    assert all(any(word == one for one in had) for word in output if word != MASK)
    given_back = WORDS.findall(theirs)
    assert all(word in given_back for word in output if word != MASK)


@given(
    st.lists(st.sampled_from(["Ada", "Bob", "met", ",", " ", "x1", "客"]), max_size=40).map("".join),
    st.sets(st.sampled_from(["Ada", "Bob", "met"])),
)
def test_a_name_taken_out_is_gone_and_a_second_time_changes_nothing(text: str, names: set[str]) -> None:
    redactor = Redactor(KnownSecrets(), without(*names))
    output = redactor.text(text)
    assert not any(name in output for name in names)
    assert redactor.text(output) == output


@given(st.text(max_size=300), st.text(max_size=300), st.integers(64, 200))
def test_whatever_the_hook_returns_no_secret_gets_out_and_the_limit_holds(
    text: str, answer: str, limit: int
) -> None:
    secrets = KnownSecrets()
    secrets.add("planted-secret-0001")
    renderer = ContentRenderer(
        Settings(redact=lambda _: f"{answer} planted-secret-0001", max_value_length=limit), secrets
    )
    output = renderer.text(f"{text} planted-secret-0001 {text}")
    assert "planted" not in output
    assert len(output) <= limit


@pytest.mark.parametrize(
    "hook",
    [
        lambda text: None,
        lambda text: text.encode(),
        lambda text: [text],
        lambda text: text * 100 + "x" * 10_000,
        lambda text: 1 / 0,
        lambda text: (_ for _ in ()).throw(SystemExit(3)),
        int,
    ],
    ids=["None", "bytes", "list", "far more", "an error", "an exit", "int"],
)
def test_what_the_hook_fails_on_is_masked_whole_and_said_once_without_content(
    hook: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="autogen_otel")
    renderer = content_renderer(hook)
    assert renderer.text("about Ada") == MASK
    assert renderer.text("about Ada " * 20) == MASK
    assert renderer.error_message(ValueError("about Ada")) == MASK
    assert len(own_log_records(caplog)) == 1
    assert "Settings(redact=...)" in caplog.text
    assert "Ada" not in caplog.text


def test_what_the_hook_failed_on_once_is_shown_to_it_again() -> None:
    failures = iter([TimeoutError()])

    def hook(text: str) -> str:
        for failure in failures:
            raise failure
        return text

    renderer = content_renderer(hook)
    assert [renderer.text("about Ada"), renderer.text("about Ada")] == [MASK, "about Ada"]


def test_an_interrupt_inside_the_hook_is_the_applications() -> None:
    def interrupted(_text: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        content_renderer(interrupted).text("x")


def test_a_hook_that_is_observed_itself_is_not_called_for_its_own_text() -> None:
    calls: list[str] = []
    inside: list[str] = []

    def hook(text: str) -> str:
        calls.append(text)
        inside.append(renderer.name("of the hook's own call"))
        return text

    renderer = content_renderer(hook)
    assert renderer.text("about Ada") == "about Ada"
    assert calls == ["about Ada"]
    assert inside == [MASK]
    assert renderer.name("of the hook's own call") == "of the hook's own call"


def test_threads_do_not_wait_for_or_disturb_each_others_hooks() -> None:
    both = threading.Barrier(2, timeout=10)

    def hook(text: str) -> str:
        both.wait()
        return text

    renderer = content_renderer(hook)
    output: list[str] = []
    threads = [
        threading.Thread(target=lambda text=text: output.append(renderer.text(text))) for text in ("a", "b")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(output) == ["a", "b"]


def test_short_texts_are_shown_to_the_hook_once() -> None:
    hook = Noting()
    renderer = content_renderer(hook)
    for _ in range(3):
        renderer.name("assistant")
    assert hook.texts == ["assistant"]


def test_json_stays_json_and_its_keys_numbers_and_nested_texts_are_looked_at() -> None:
    value = {
        "Ada": 1,
        "Bob": {"born": 1815, "told": json.dumps({"name": "Ada", "n": [1815]})},
        "password": "x",
    }

    def hook(text: str) -> str:
        return "" if text in ("1815", "password") else without("Ada", "Bob", '"', "{")(text)

    output = content_renderer(hook).content(Content(ContentKind.TOOL_ARGUMENTS, value))
    assert output is not None
    assert json.loads(output) == {
        MASK: 1,
        f"{MASK} 2": {"born": MASK, "told": json.dumps({"name": MASK, "n": [MASK]})},
        f"{MASK} 3": MASK,
    }


def test_every_way_through_the_door_is_looked_at() -> None:
    renderer = content_renderer(without("Ada", "test_redaction_removal"))
    error = type("AdaError", (Exception,), {"__module__": "Ada"})("Ada")

    def act() -> None:
        raise error

    with pytest.raises(Exception, match="Ada"):
        act()  # Ada in a line of source
    texts = [
        renderer.name("Ada"),
        renderer.text("Ada " * 60),
        renderer.url("https://example.com/Ada?name=Ada"),
        renderer.error_type(error),
        renderer.error_message(error),
        renderer.stacktrace(error),
        renderer.stack(),
        renderer.problem(ArgumentProblem("Ada", "mistyped", "number", "string", "Ada")),
        renderer.content(Content(ContentKind.CODE_OUTPUT, "Ada")),
        renderer.content(Content(ContentKind.TOOL_RESULT, "Ada")),
    ]
    for output in texts:
        assert output is not None
        assert MASK in output
        assert "Ada" not in output
        assert "test_redaction_removal" not in output


def test_a_value_stays_hidden_whose_telling_name_the_hook_takes_out() -> None:
    renderer = content_renderer(without("api_key"))
    output = renderer.problem(ArgumentProblem("user.api_key", "mistyped", "number", "string", "short"))
    assert output == f"user.{MASK}: expected number, got string {MASK}"


def test_the_hook_sees_nothing_that_our_own_redaction_took_out() -> None:
    hook = Noting()
    renderer = content_renderer(hook)
    renderer.text("password=hunter22 of Ada")
    renderer.text("password=hunter22 of Ada " * 20)
    assert len(hook.texts) == 2
    assert not any("hunter22" in text for text in hook.texts)


@pytest.mark.parametrize(
    ("hook", "wanted"), [(7, "a function from str to str, not 7"), ("Ada", "module:function, not 'Ada'")]
)
def test_a_hook_that_cannot_be_called_is_refused(hook: Any, wanted: str) -> None:
    with pytest.raises(SettingsError, match=f"redact must be {wanted}"):
        Settings(redact=hook)


def test_the_environment_gives_no_hook() -> None:
    assert Settings.from_environ({"None": "x", "redact": "x"}).redact is None
