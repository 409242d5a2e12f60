"""The user's own redaction: what it returns is recorded, after our own search, whatever it does."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_otel.recording import ArgumentProblem
from autogen_otel.redaction import KnownSecrets
from autogen_otel.settings import Settings, SettingsError
from tests.support.rendering import Content, ContentKind, ContentRenderer
from tests.support.telemetry import own_log_records

MASK = "[redacted]"


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
    "answer",
    ["user-3f2a called.", "", "  ", "a whole other text\nin lines", "<NAME> called", "kunde-🙂", "x" * 300],
)
def test_what_the_function_returns_is_recorded(answer: str) -> None:
    assert content_renderer(lambda _: answer).text("Ada Lovelace called.") == answer
    assert content_renderer(lambda _: answer).text("Ada Lovelace called. " * 20) == answer


def test_a_pseudonym_stands_in_each_place_of_a_name() -> None:
    renderer = content_renderer(lambda text: text.replace("Ada", "user-3f2a"))
    assert renderer.text("Ask Ada, please") == "Ask user-3f2a, please"
    arguments = {"Ada": 1, "who": ["Ada", {"note": "Ada called"}], "told": json.dumps({"by": "Ada"})}
    output = renderer.content(Content(ContentKind.TOOL_ARGUMENTS, arguments))
    assert output is not None
    assert json.loads(output) == {
        "user-3f2a": 1,
        "who": ["user-3f2a", {"note": "user-3f2a called"}],
        "told": json.dumps({"by": "user-3f2a"}),
    }


@pytest.mark.parametrize(
    "answer",
    ["password=hunter22", "sk-proj-a1B2c3D4e5F6g7H8", "https://bob:hunter22@host/", "held-secret-0001"],
)
def test_what_the_function_puts_in_is_searched_for_secrets(answer: str) -> None:
    secrets = KnownSecrets()
    secrets.add("held-secret-0001")
    output = ContentRenderer(Settings(redact=lambda _: answer), secrets).text("about Ada")
    assert MASK in output
    assert "hunter22" not in output
    assert "g7H8" not in output
    assert "0001" not in output


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
        lambda text: 1 / 0,
        lambda text: (_ for _ in ()).throw(SystemExit(3)),
        int,
    ],
    ids=["None", "bytes", "list", "an error", "an exit", "int"],
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
        return MASK if text in ("1815", "password") else text.replace("Ada", MASK).replace("Bob", MASK)

    output = content_renderer(hook).content(Content(ContentKind.TOOL_ARGUMENTS, value))
    assert output is not None
    assert json.loads(output) == {
        MASK: 1,
        f"{MASK} 2": {"born": MASK, "told": json.dumps({"name": MASK, "n": [MASK]})},
        f"{MASK} 3": MASK,
    }


def test_every_way_through_the_door_is_looked_at() -> None:
    renderer = content_renderer(without("Ada", "test_redaction_own_function"))
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
        assert "***" in output
        assert "Ada" not in output
        assert "test_redaction_own_function" not in output


def test_a_value_stays_hidden_whose_telling_name_the_hook_takes_out() -> None:
    renderer = content_renderer(without("api_key"))
    output = renderer.problem(ArgumentProblem("user.api_key", "mistyped", "number", "string", "short"))
    assert output == f"user.***: expected number, got string {MASK}"


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
