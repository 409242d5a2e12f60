"""Text of others cannot take over a terminal or forge a line of a log."""

import pytest

from autogen_otel.plain_text import one_line, visible


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("taken\nERROR forged", "taken ERROR forged"),
        ("a\r\n\x0b\x0c\x85\u2028\u2029b", "a b"),
        ("\x9b31m\x07\x08\x7f\x00", "\\x9b31m\\x07\\x08\\x7f\\x00"),
        ("\u202egpj.exe\u2066\u200f", "\\u202egpj.exe\\u2066\\u200f"),
        ("\ufeff\xad\ud800\U000e0041", "\\ufeff\\xad\\ud800\\U000e0041"),
        ("für 日本\u3000語 क्\u200dष 👍", "für 日本 語 क्\u200dष 👍"),
        ("", ""),
    ],
)
def test_what_is_no_plain_character_is_an_escape(text: str, line: str) -> None:
    assert one_line(text) == line


@pytest.mark.parametrize("character", ["a", "\n", "\x1b", "\u202e", "\U000e0041", "😀"])
def test_a_line_has_at_most_as_many_characters_as_asked_for(character: str) -> None:
    assert len(one_line(f"x{character}" * 100_000)) == 300
    assert len(one_line(f"x{character}" * 100_000, longest=7)) == 7


def test_a_line_that_fits_is_whole() -> None:
    assert one_line("x" * 300) == "x" * 300
    assert one_line("x" * 301) == "x" * 299 + "…"


def test_line_breaks_stay_in_a_text_of_several_lines() -> None:
    assert visible("first\n\tsecond\x1b[0m") == "first\n\\tsecond\\x1b[0m"
    assert visible("first\n\tsecond", kept="\n\t") == "first\n\tsecond"
