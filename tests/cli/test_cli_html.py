"""The page of ``show --html``, as far as it can be judged without a browser: ``tests/servers`` has one."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autogen_otel.cli.page.conversation import conversation_page
from autogen_otel.diagnosis.findings import diagnose
from autogen_otel.traces.trace import State, Trace
from tests.support.incidents import group, killed
from tests.support.pages import HOSTILE, Page, invisible, large, said
from tests.support.recorded import ORIGIN, RecordedTrace, exception, spans_of, trace_of, write

if TYPE_CHECKING:
    from tests.cli.conftest import Run

_MEGABYTE = 1_000_000


def page_of(recorded: RecordedTrace) -> tuple[str, Page]:
    text = conversation_page(trace_of(recorded), "a test")
    return text, Page(text)


def test_a_page_says_what_failed_before_everything_else(run: Run, journal: Path, tmp_path: Path) -> None:
    file = tmp_path / "trace.html"
    code, out, err = run("show", "a1b2", "--journal", str(journal), "--html", str(file))
    assert (code, out) == (0, "")
    assert err.startswith(f"Wrote {file} (")
    page = Page(file.read_text("utf-8"))
    assert page.harmful() == []
    failures, waterfall = page.text.index("What failed"), page.text.index("Waterfall")
    ended, tool = (
        page.text.index("backend api.openai.com"),
        page.text.index("tool_exception lookup_policy raises"),
    )
    assert failures < ended < tool < waterfall
    for words in (
        "failed user -> assistant",
        "ended the conversation",
        "3 attempts",
        "req_500_2",
        "A tool had failed before: tool lookup_policy",
        "policies.py:42 in parse_id",
        "policy_id: expected string, got null",
        '"policy_id": null',
        "AttributeError: 'NoneType' object has no attribute 'split'",
        "swallowed",
        "Fix lookup_policy at policies.py:42 parse_id",
        "from journal",
    ):
        assert words in page.text
    for tag, attributes in page.elements:
        if tag == "a":
            assert attributes["href"][1:] in {one.get("id") for _, one in page.elements}


def test_every_span_has_a_row_with_all_that_was_recorded(run: Run, journal: Path) -> None:
    code, out, err = run("show", "d1b2", "--journal", str(journal), "--html", "-")
    assert (code, err) == (0, "")
    page = Page(out)
    rows = sum("aria-level" in attributes for _, attributes in page.elements)
    assert rows == len(trace_of(group()).spans)
    assert "Nothing failed" in page.text
    assert "autogen.handoff.reason" in page.text
    assert "Elbe 1962" in page.text


@pytest.mark.parametrize("state", ["running", "interrupted"])
def test_a_conversation_that_has_not_ended_has_a_page(state: State) -> None:
    spans = [replace(span, state=state) for span in trace_of(killed()).spans]
    page = Page(conversation_page(Trace.of(spans), "a test"))
    assert f"{state} user -> assistant" in page.text


def test_a_cause_that_nobody_knows_is_only_named(run: Run, tmp_path: Path) -> None:
    it = RecordedTrace()
    with it.span("invoke_workflow user -> helper"):
        it.leaf("execute_tool look", 1, exception("ValueError", "no"), **{ORIGIN: "bad luck"})
    journal = write(tmp_path / "journal.jsonl", it)
    code, out, err = run("diagnose", "--journal", str(journal), "--html", "-")
    assert (code, err) == (1, "")
    assert "bad luck" in Page(out).text


def test_values_of_another_kind_than_ours_are_shown_as_they_are(run: Run, tmp_path: Path) -> None:
    it = RecordedTrace()
    ended = it.span("invoke_workflow user -> helper", autogen__conversation__termination=["stop"])
    with ended, it.span("chat gpt-4o"):
        it.post(0.1, 500, server__address="api.openai.com", server__port=[443, 444])
    journal = write(tmp_path / "journal.jsonl", it)
    code, out, err = run("diagnose", "--journal", str(journal), "--html", "-")
    assert (code, err) == (1, "")
    assert "api.openai.com:[443, 444]" in Page(out).text


def test_the_page_advises_what_the_diagnosis_does(run: Run, tmp_path: Path) -> None:
    it = RecordedTrace()
    limited = exception("openai.RateLimitError", "Error code: 429 - no quota")
    origin = {ORIGIN: "rate_limit"}
    with it.span("invoke_workflow user -> helper"), it.span("chat gpt-4o", 0, limited, **origin):
        it.post(0.1, 429, exception("429", "429"), autogen__http__error__code="insufficient_quota", **origin)
    (finding,) = diagnose(spans_of(it)).findings
    assert finding.advice in page_of(it)[1].text


@pytest.mark.parametrize("name", HOSTILE)
def test_what_others_say_stays_text(name: str) -> None:
    _, harmless = page_of(said("harmless"))
    text, page = page_of(said(HOSTILE[name]))
    assert page.harmful() == []
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in harmless.elements}
    assert invisible(text) == set()


def test_what_nobody_sees_is_shown() -> None:
    _, page = page_of(said("\x1b[31m\x00\u202e\ud800"))
    assert r"\x1b[31m\x00\u202e\ud800" in page.text


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters()))
def test_no_text_becomes_markup(words: str) -> None:
    text, page = page_of(said(f"x{words}"))
    assert page.harmful() == []
    assert invisible(text) == set()


def test_a_megabyte_of_text_is_cut_and_said_to_be() -> None:
    text, page = page_of(said("m" * (_MEGABYTE // 2)))
    assert len(text) < _MEGABYTE
    assert "480,000 more characters" in page.text
    assert "longer than 20,000 characters and cut here" in page.text


@pytest.mark.slow
def test_a_thousand_spans_are_a_few_megabytes() -> None:
    text, page = page_of(large(1000, gen_ai__tool__call__result="r" * 8000, gen_ai__request__model="gpt-4o"))
    assert page.count("details") > 1000
    assert len(text) < 5 * _MEGABYTE


def test_of_very_many_spans_those_that_failed_are_shown() -> None:
    _, page = page_of(large(6000))
    assert "60 of 6,000 spans are shown" in page.text
    assert "ValueError: number 5899" in page.text


def test_spans_may_be_nested_as_deep_as_anybody_likes() -> None:
    text, page = page_of(large(620, depth=600))
    assert page.harmful() == []
    assert 'aria-level="51"' in text
    assert 'aria-level="52"' not in text


@pytest.mark.parametrize(
    ("words", "said_instead"),
    [
        (("--html", "x.html"), "--html is the page of one trace"),
        (("a1b2", "--html", "x.html", "--format", "json"), "--html is the page of one trace"),
        (("a1b2", "--html", "/nowhere/x.html"), "cannot be written: No such file or directory"),
    ],
)
def test_what_cannot_be_written_is_one_sentence(
    run: Run, journal: Path, words: tuple[str, ...], said_instead: str
) -> None:
    code, out, err = run("show", *words, "--journal", str(journal))
    assert (code, out) == (2, "")
    assert said_instead in err
    assert err.count("\n") == 1


@pytest.mark.needs(sys.platform != "win32", "Windows has no such links")
def test_a_page_is_not_written_through_a_link(run: Run, journal: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "page.html").symlink_to(tmp_path / "mine")
    code, out, err = run("show", "a1b2", "--html", str(tmp_path / "page.html"), "--journal", str(journal))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"{tmp_path / 'page.html'} cannot be written: it is no regular file; name another file." in err
    assert (tmp_path / "mine").read_text() == "mine"
