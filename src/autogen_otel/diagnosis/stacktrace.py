"""Reading a recorded stack trace: which exceptions it chains, and where the user's code stands in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_CHAINED: Final = re.compile(
    r"^[ |+-]*(?:The above exception was the direct cause of the following exception:"
    r"|During handling of the above exception, another exception occurred:)[ ]*$",
    re.MULTILINE,
)
_FRAME: Final = re.compile(
    r'^(?P<indent>[ |]*)File "(?P<file>[^"\n]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$'
    r'(?:\n(?P=indent)  (?!File ")[ ]*(?P<source>\S.*)$)?',
    re.MULTILINE,
)
_RAISED: Final = re.compile(r"^(?: *[|+] )?(?P<type>[A-Za-z_][\w.]*)(?:: ?(?P<message>.*))?$")
_FOREIGN: Final = re.compile(
    r"[/\\](?:site-packages|dist-packages)[/\\]"
    r"|[/\\]lib(?:64)?[/\\](?:python|pypy)\d[\d.]*[/\\]"
    r"|[/\\]Python\d+[^/\\]*[/\\]Lib[/\\]"
    r"|[/\\]src[/\\]autogen_otel[/\\]"
    r"|^<frozen ",
)
_SEPARATOR: Final = re.compile(r"[/\\]")
_COMPARED: Final = 200


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of a stack trace.

    Args:
        file: as recorded, usually an absolute path.
        line: from 1.
        function: name of the function; ``None`` for syntax errors.
        source: the line's text, where it was recorded.
    """

    file: str
    line: int
    function: str | None = None
    source: str | None = None

    @property
    def is_users(self) -> bool:
        """Whether it is neither a library's, the interpreter's nor this package's."""
        return _FOREIGN.search(self.file) is None

    @property
    def location(self) -> str:
        """``policies.py:42 in parse_id``."""
        name = _SEPARATOR.split(self.file)[-1]
        return f"{name}:{self.line} in {self.function}" if self.function else f"{name}:{self.line}"


def identity(error_type: str, message: str) -> str:
    """What two records of the same exception have in common, whether or not either was cut."""
    first_line = message.partition("\n")[0]
    return f"{error_type}: {first_line}".strip(": ")[:_COMPARED]


def users_frame(stacktrace: str) -> Frame | None:
    """The user's innermost frame of the exception that began the chain, else of the next that has one."""
    for block in _CHAINED.split(stacktrace):
        users = [frame for frame in _frames(block) if frame.is_users]
        if users:
            return users[-1]
    return None


def chain(stacktrace: str) -> tuple[str, ...]:
    """The identities of the chained exceptions, the first cause first."""
    found = []
    for block in _CHAINED.split(stacktrace):
        raised = _raised(block)
        if raised is not None:
            found.append(identity(raised["type"], raised["message"] or ""))
    return tuple(found)


def _raised(block: str) -> re.Match[str] | None:
    lines = block[_end_of_frames(block) :].splitlines()
    return next((found for found in map(_RAISED.match, lines) if found), None)


def _end_of_frames(block: str) -> int:
    return max((frame.end() for frame in _FRAME.finditer(block)), default=0)


def _frames(block: str) -> list[Frame]:
    return [
        Frame(found["file"], int(found["line"]), found["function"], found["source"])
        for found in _FRAME.finditer(block)
    ]
