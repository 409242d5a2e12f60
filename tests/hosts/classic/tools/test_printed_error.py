"""What executed code printed is text; the exception in it is found whichever way it came out."""

from __future__ import annotations

import pytest

from autogen_otel.hosts.classic.tools.printed_error import printed_error

PLAIN = """\
Traceback (most recent call last):
  File "x.py", line 2, in <module>
    f()
  File "x.py", line 1, in f
    raise requests.exceptions.HTTPError("404: not found")
requests.exceptions.HTTPError: 404: not found
"""
IPYTHON = (
    "ERROR: ZeroDivisionError: division by zero\n"
    "\x1b[0;31m---------------------------------------------------------------------------\x1b[0m\n"
    "\x1b[0;31mZeroDivisionError\x1b[0m                         Traceback (most recent call last)\n"
    "Cell \x1b[0;32mIn[1], line 1\x1b[0m\n\x1b[0;32m----> 1\x1b[0m 1\x1b[38;5;241m/\x1b[39m0\n\n"
    "\x1b[0;31mZeroDivisionError\x1b[0m: division by zero"
)
JUPYTER = "ERROR: NameError: name 'x' is not defined\n['\\x1b[0;31m-----', '\\x1b[0;31mNameError\\x1b[0m']"
GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "x.py", line 1, in <module>
  |     raise ExceptionGroup("two", [ValueError("one"), TypeError()])
  | ExceptionGroup: two (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | ValueError: one
"""


@pytest.mark.parametrize(
    ("output", "kind", "message"),
    [
        (PLAIN, "requests.exceptions.HTTPError", "404: not found"),
        (PLAIN + "then it printed\nDone\n", "requests.exceptions.HTTPError", "404: not found"),
        ("before\n" + PLAIN.replace("HTTPError: 404: not found\n", "HTTPError\n"), None, ""),
        (IPYTHON, "ZeroDivisionError", "division by zero"),
        (JUPYTER, "NameError", "name 'x' is not defined"),
        (GROUP, "ExceptionGroup", "two (2 sub-exceptions)"),
        (
            '  File "x.py", line 3\n    x = = 1\n        ^\nSyntaxError: invalid syntax\n',
            "SyntaxError",
            "invalid syntax",
        ),
        (
            '  File "", line 1\n    x\nIndentationError: unexpected indent',
            "IndentationError",
            "unexpected indent",
        ),
    ],
    ids=["plain", "output after it", "no message", "IPython", "Jupyter", "group", "syntax", "indentation"],
)
def test_type_and_message_are_read(output: str, kind: str | None, message: str) -> None:
    result = printed_error(output)
    assert (result.type, result.message) == (kind or "requests.exceptions.HTTPError", message)
    assert result.stacktrace


def test_the_stack_trace_is_cut_out_of_what_stands_around_it() -> None:
    assert printed_error("before\n" + PLAIN + "after\n").stacktrace == PLAIN.rstrip("\n")


def test_a_chain_is_taken_whole_and_an_earlier_trace_of_something_else_is_not() -> None:
    chain = PLAIN + "\nDuring handling of the above exception, another exception occurred:\n\n" + PLAIN
    assert printed_error("Done\n" + chain).stacktrace == chain.rstrip("\n")
    logged = PLAIN + "that was only logged\n"
    assert printed_error(logged + PLAIN).stacktrace == PLAIN.rstrip("\n")


@pytest.mark.parametrize(
    "output", ["", "no such file\n", "Traceback (most recent call last)", PLAIN.partition("requests")[0]]
)
def test_where_no_exception_shows_the_output_stands_for_it(output: str) -> None:
    result = printed_error(output)
    assert result.type is None
    assert result.stacktrace is None
    assert result.output == output


def test_an_exception_before_a_flood_of_output_is_still_found() -> None:
    assert printed_error(PLAIN + "x\n" * 200_000).type == "requests.exceptions.HTTPError"
