"""Finds the exception in the output of executed code: its type, its message and its stack trace.

The process has ended by then, and its output is all we have. We read Python's own form, also without a
heading (syntax errors have none) and with IPython's colours, and the heading that AutoGen's Jupyter
executors put before it.
"""

from __future__ import annotations

import re

from autogen_otel.causes import PrintedError

_HEADING = "Traceback (most recent call last)"
_CHAIN_LINK = re.compile(r"The above exception was the direct cause|During handling of the above exception")
# A type without a message must look like one, since a word alone may be anything.
_TITLE = re.compile(r"^(?:[ |]*\| )?((?:[A-Za-z_]\w*\.)*[A-Z]\w*)(?:: ?(.*))?$", re.MULTILINE)
_SYNTAX = re.compile(
    r'^ *(?:File ".*"|Cell In.+|Input In.+), line \d+\n(?: .*\n|\n){0,8}?'
    r"((?:Syntax|Indentation|Tab)Error): (.*)$",
    re.MULTILINE,
)
_JUPYTER = re.compile(r"^ERROR: ((?:[A-Za-z_]\w*\.)*[A-Z]\w*): ?(.*)$", re.MULTILINE)
_COLOUR = re.compile(r"(?:\x1b|\\x1b)\[[0-9;]*m")
_READ_AT_EACH_END = 131_072


def printed_error(output: str) -> PrintedError:
    """Read the output of code that failed; without an exception in it, all of it is the stack trace.

    Args:
        output: both streams of the process, in whatever order the executor put them.
    """
    # Colour codes may be in the middle of names.
    text = _COLOUR.sub("", _both_ends(output))
    return _traceback(text) or _syntax_error(text) or _from_jupyter(text) or PrintedError(output=output)


def _both_ends(output: str) -> str:
    """The beginning and the end: executors put what went to stderr in either place."""
    if len(output) <= 2 * _READ_AT_EACH_END:
        return output
    return f"{output[:_READ_AT_EACH_END]}\n…\n{output[-_READ_AT_EACH_END:]}"


def _traceback(text: str) -> PrintedError | None:
    last_heading = text.rfind(_HEADING)
    if last_heading < 0:
        return None
    # The heading's own line may begin with the exception's name, as IPython has it.
    line_end = text.find("\n", last_heading)
    title = _TITLE.search(text, line_end) if line_end >= 0 else None
    if title is None:
        return None
    return _error_of(text[_first_heading(text, last_heading) : title.end()], title)


def _first_heading(text: str, last_heading: int) -> int:
    """Where the chain of exceptions that ends with the last one begins."""
    start = last_heading
    while (earlier := text.rfind(_HEADING, 0, start)) >= 0 and _CHAIN_LINK.search(text, earlier, start):
        start = earlier
    return text.rfind("\n", 0, start) + 1


def _syntax_error(text: str) -> PrintedError | None:
    title = _SYNTAX.search(text)
    return None if title is None else _error_of(title.group(), title)


def _from_jupyter(text: str) -> PrintedError | None:
    title = _JUPYTER.search(text)
    return None if title is None else _error_of(text[title.start() :], title)


def _error_of(trace: str, title: re.Match[str]) -> PrintedError:
    return PrintedError(stacktrace=trace, type=title.group(1), message=title.group(2) or "")
