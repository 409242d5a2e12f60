"""docs/redaction.md cannot lie: its table is the code's, its example runs, its claims hold."""

from __future__ import annotations

import re
from typing import Any

import autogen_otel
from autogen_otel.redaction import KnownSecrets, Redactor
from autogen_otel.redaction.names import looks_secret
from autogen_otel.settings import Settings
from tests.support.docs import REDACTION, filled
from tests.support.rendering import ContentRenderer

TEXT = REDACTION.read_text(encoding="utf-8")


def test_the_table_of_formats_is_what_the_code_has() -> None:
    assert filled(TEXT) == TEXT, "run: python -m tests.support.docs"


def test_the_example_takes_customers_out(monkeypatch: Any) -> None:
    given: list[Settings] = []

    def instrument(*, settings: Settings) -> None:
        given.append(settings)

    monkeypatch.setattr(autogen_otel, "instrument", instrument)
    example, *_ = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    exec(example, {})  # noqa: S102 - that is the point
    output = ContentRenderer(given[0], KnownSecrets()).text("C-20417: ada@example.com asks again")
    assert output == "<CUSTOMER>: <CUSTOMER> asks again"


def test_what_it_calls_readable_stays_so() -> None:
    told = re.search(r"stays readable: (.*?)\.\n", TEXT)
    assert told is not None
    texts = re.findall("`(.+?)`", told[1])
    assert len(texts) > 5
    redactor = Redactor(KnownSecrets())
    assert [text for text in texts if redactor.text(text) != text] == []


def test_the_notations_that_it_lists_are_read() -> None:
    rows = re.search(r"\| where \| for example \|\n(.*?)\n\n", TEXT, flags=re.DOTALL)
    assert rows is not None
    examples = re.findall("`` (.+?) ``|`([^`]+)`", rows[1].replace("\\|", "|"))
    written = [text for pair in examples for text in pair if "…" in text]
    assert len(written) > 25
    redactor = Redactor(KnownSecrets())
    left = [text for text in written if "Zq7hunter" in redactor.text(text.replace("…", "Zq7hunter+2x"))]
    assert left == []


def test_the_names_it_lists_look_secret_or_do_not() -> None:
    endings, harmless = re.findall(r"(?:ends in one of|describes \()(.*?)(?:, or is|\) does not)", TEXT)
    kinds = re.findall(r"is a kind of key \((.*?)\)", TEXT)[0]
    secret = re.findall("`(.+?)`", endings + kinds)
    assert len(secret) > 15
    assert [name for name in secret if not looks_secret(name)] == []
    assert [name for name in re.findall("`(.+?)`", harmless) if looks_secret(name)] == []
