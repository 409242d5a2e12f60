"""The pages of ``--html`` in a real browser: what shows, what the keys do, that nothing leaves or runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from autogen_otel.cli import main
from autogen_otel.cli.page.conversation import conversation_page
from tests.servers.browser import OPTIONS, NoBrowser, browser, install_browser
from tests.support.diagnosed import incidents, journal
from tests.support.incidents import failing_tool, group
from tests.support.pages import HOSTILE, large, said
from tests.support.recorded import RecordedTrace, trace_of, write

_NARROW = {"width": 390, "height": 844}
_WIDE = {"width": 1600, "height": 1000}
_CONTRAST = 4.5
"""WCAG 2.2, success criterion 1.4.3: what text needs at least."""

_FAINT_TEXTS = Path(__file__).with_name("contrast.js").read_text("utf-8")

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser(), args=list(OPTIONS))
        yield started
        started.close()


@pytest.fixture
def asked() -> list[str]:
    """The paths that the web server was asked for."""
    return []


@pytest.fixture
def served(tmp_path: Path, asked: list[str]) -> Iterator[str]:
    """Serves the test's folder: over HTTP a page could ask for more than it can as a file."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            asked.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path))) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def visit(chromium: Browser, served: str, tmp_path: Path) -> Iterator[Open]:
    """Opens a page; the test fails if the page complains about anything, or asks for anything else."""
    complaints: list[str] = []
    contexts = []

    def open_page(text: str, anchor: str = "", **options: Any) -> Page:
        (tmp_path / "page.html").write_text(text, "utf-8")
        context = chromium.new_context(**{"viewport": _WIDE, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request", lambda request: complaints.append(request.url) if not _is_own(request.url) else None
        )
        page.goto(f"{served}/page.html{anchor}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def _is_own(url: str) -> bool:
    return url.partition("#")[0].endswith("/page.html")


def page_of(recorded: RecordedTrace) -> str:
    return conversation_page(trace_of(recorded), "a test")


def focused(page: Page) -> str:
    return cast("str", page.evaluate("document.activeElement.innerText"))


def test_without_a_browser_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("BROWSER_PROGRAM", raising=False)
    with pytest.raises(NoBrowser, match=r"install Chromium .*, or name it in BROWSER_PROGRAM\.$"):
        install_browser()


def test_the_page_is_all_that_is_asked_for(visit: Open, asked: list[str]) -> None:
    page = visit(page_of(failing_tool()))
    page.wait_for_load_state("networkidle")
    assert asked == ["/page.html"]


def test_j_and_k_and_f_go_from_span_to_span(visit: Open) -> None:
    page = visit(page_of(failing_tool()))
    page.keyboard.press("j")
    assert "conversation user -> assistant" in focused(page)
    page.keyboard.press("j")
    assert "agent assistant" in focused(page)
    page.keyboard.press("k")
    assert "conversation" in focused(page)
    page.keyboard.press("f")
    assert "lookup_policy" in focused(page)
    expect(page.locator("li.failed details[open] pre.stack").last).to_contain_text("policies.py")
    page.keyboard.press("f")
    assert "POST 500" in focused(page)
    page.keyboard.press("F")
    assert "lookup_policy" in focused(page)
    page.keyboard.press("Enter")
    expect(page.locator("ol.rows details[open]")).to_have_count(1)


def test_search_finds_what_stands_in_closed_spans_and_keeps_what_leads_there(visit: Open) -> None:
    page = visit(page_of(group()))
    rows = page.locator("ol.rows > li:visible")
    every = rows.count()
    page.keyboard.press("/")
    page.keyboard.type("elbe 2023")
    expect(page.locator("#found")).to_have_text(f"1 of {every} spans")
    expect(rows).to_have_count(3)
    expect(page.locator("li.match")).to_contain_text("search")
    page.keyboard.press("Enter")
    assert "search" in focused(page)
    page.keyboard.press("/")
    page.keyboard.press("Escape")
    expect(rows).to_have_count(every)


def test_only_failures_are_shown_on_demand(visit: Open) -> None:
    page = visit(page_of(failing_tool()))
    button = page.get_by_role("button", name="Failures only")
    page.keyboard.press("x")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(page.locator("ol.rows > li:visible")).to_have_count(8)
    button.click()
    expect(page.locator("ol.rows > li:visible")).to_have_count(11)


def test_what_is_below_a_span_is_folded(visit: Open) -> None:
    page = visit(page_of(failing_tool()))
    page.keyboard.press("j")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("ol.rows > li:visible")).to_have_count(1)
    page.get_by_role("button", name="Fold the 10 spans below").click()
    expect(page.locator("ol.rows > li:visible")).to_have_count(11)


def test_help_names_the_keys(visit: Open) -> None:
    page = visit(page_of(failing_tool()))
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_link_of_a_failure_opens_its_span(visit: Open) -> None:
    page = visit(page_of(failing_tool()))
    page.locator(".card .path a").first.click()
    expect(page.locator("ol.rows > li:target details[open]")).to_be_visible()


def test_the_page_can_be_read_without_its_script(visit: Open) -> None:
    page = visit(page_of(failing_tool()), java_script_enabled=False)
    expect(page.locator("#toolbar")).to_be_hidden()
    expect(page.get_by_role("heading", name="tool_exception lookup_policy raises ValueError")).to_be_visible()
    tool = page.locator("ol.rows > li", has=page.locator("summary", has_text="lookup_policy"))
    tool.locator("summary").click()
    expect(tool.locator("pre.stack")).to_be_visible()
    assert page.locator("ol.rows > li:visible").count() == 11


@pytest.mark.parametrize("name", HOSTILE)
def test_what_others_say_does_nothing(visit: Open, name: str) -> None:
    page = visit(page_of(said(HOSTILE[name])))
    page.keyboard.press("e")
    page.keyboard.press("/")
    page.keyboard.type(HOSTILE[name].encode("ascii", "ignore").decode().replace("\0", "")[:20])
    page.keyboard.press("Enter")
    page.wait_for_timeout(150)
    assert page.evaluate("typeof attacked") == "undefined"
    assert page.locator("script").count() == 1
    assert page.locator("img, iframe, object, embed, base").count() == 0


def test_a_script_that_got_in_would_not_run(visit: Open, tmp_path: Path, chromium: Browser) -> None:
    text = page_of(failing_tool()).replace("</main>", "<script>attacked = 1</script><img src=/x></main>")
    assert "attacked" in text
    (tmp_path / "forged.html").write_text(text, "utf-8")
    page = chromium.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto((tmp_path / "forged.html").as_uri())
    assert page.evaluate("typeof attacked") == "undefined"
    assert len([one for one in refused if "Content Security Policy" in one]) == 2
    page.close()


@pytest.mark.parametrize("size", [_NARROW, _WIDE])
def test_nothing_is_wider_than_the_window(visit: Open, size: dict[str, int]) -> None:
    for recorded in (failing_tool(), said("m" * 30_000), said("a word and " * 500)):
        page = visit(page_of(recorded), viewport=size)
        page.keyboard.press("e")
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_told_from_its_ground(visit: Open, scheme: str) -> None:
    page = visit(page_of(failing_tool()), color_scheme=scheme)
    page.keyboard.press("e")
    faint = page.evaluate(_FAINT_TEXTS, _CONTRAST)
    assert faint == []


def test_the_theme_can_be_chosen(visit: Open) -> None:
    page = visit(page_of(failing_tool()), color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.keyboard.press("t")
    assert page.evaluate(ground) != light
    page.keyboard.press("t")
    assert page.evaluate(ground) == light


def test_what_failed_is_printed_open(visit: Open) -> None:
    page = visit(page_of(failing_tool()))
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(page.locator("#toolbar")).to_be_hidden()
    expect(page.locator("ol.rows > .failed:not(.passing) pre.stack").first).to_be_visible()


def test_a_thousand_spans_are_searched(visit: Open) -> None:
    page = visit(page_of(large(1000)))
    page.keyboard.press("/")
    page.keyboard.type("number 899")
    expect(page.locator("#found")).to_have_text("1 of 1000 spans")
    expect(page.locator("ol.rows > li:visible")).to_have_count(2)


def test_a_diagnosis_has_charts_and_opens_the_evidence_where_something_is_found(
    visit: Open, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write(tmp_path / "j.jsonl", *journal(incidents()["three things at once"], 4))
    assert main(["diagnose", "--journal", str(data), "--html", "-"]) == 1
    page = visit(capsys.readouterr().out)
    expect(page.get_by_role("heading", level=1)).to_have_text("3 findings in 100 conversations")
    charts = page.get_by_role("img", name="prompt")
    expect(charts.first).to_be_visible()
    expect(page.locator("ol.rows:visible")).to_have_count(0)
    page.keyboard.press("f")
    expect(page.locator("details.evidence[open]")).to_have_count(1)
    page.keyboard.press("/")
    page.keyboard.type("lookup_policy null")
    expect(page.locator("li.match:visible").first).to_contain_text("lookup_policy")
    assert page.evaluate("document.documentElement.scrollWidth") <= _WIDE["width"]
