"""Reading a recorded stack trace: which exceptions it chains, and where the user's code stands in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from autogen_otel.whose_code import is_hosts, is_library

_BETWEEN_EXCEPTIONS: Final = re.compile(
    r"^[ |+-]*(?:The above exception was the direct cause of the following exception:"
    r"|During handling of the above exception, another exception occurred:)[ ]*$",
    re.MULTILINE,
)
_FRAME: Final = re.compile(
    r'^(?P<indent>[ |]*)File "(?P<file>[^"\n]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$'
    r'(?:\n(?P=indent)  (?!File ")[ ]*(?P<source>\S.*)$)?',
    re.MULTILINE,
)
_EXCEPTION: Final = re.compile(r"^(?: *[|+] )?(?P<type>[A-Za-z_][\w.]*)(?:: ?(?P<message>.*))?$")
_COMPARED_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of a stack trace.

    Args:
        file: as recorded, usually an absolute path.
        line: from 1.
        function: ``None`` for syntax errors.
        source: the text of the line, where it was recorded.
    """

    file: str
    line: int
    function: str | None = None
    source: str | None = None

    @property
    def in_user_code(self) -> bool:
        """Whether it is neither a library's, the interpreter's nor this package's."""
        return not is_library(self.file)

    @property
    def location(self) -> str:
        """``policies.py:42 in parse_id``."""
        name = re.split(r"[/\\]", self.file)[-1]
        return f"{name}:{self.line} in {self.function}" if self.function else f"{name}:{self.line}"


def exception_key(error_type: str, message: str) -> str:
    """A text that two records of the same exception share, whether or not either was cut."""
    first_line = message.partition("\n")[0]
    # A stack trace leaves this module's name out, OpenTelemetry's attribute has it.
    return f"{error_type.removeprefix('__main__.')}: {first_line}".strip(": ")[:_COMPARED_CHARACTERS]


def chained_exceptions(stacktrace: str) -> tuple[str, ...]:
    """The keys of the exceptions in a stack trace, the first cause first."""
    matches = map(_exception, _BETWEEN_EXCEPTIONS.split(stacktrace))
    return tuple(exception_key(match["type"], match["message"] or "") for match in matches if match)


def raising_user_frame(stacktrace: str) -> Frame | None:
    """The user's innermost frame, if the exception began in the user's code or in code that it called.

    An exception of AutoGen's own has the user's frames around it, which only began the conversation.
    """
    for frames in _frames(stacktrace):
        user_frames = [index for index, frame in enumerate(frames) if frame.in_user_code]
        if user_frames and not any(is_hosts(frame.file) for frame in frames[user_frames[-1] + 1 :]):
            return frames[user_frames[-1]]
    return None


def _frames(stacktrace: str) -> Iterator[list[Frame]]:
    """The frames of each exception."""
    for block in _BETWEEN_EXCEPTIONS.split(stacktrace):
        yield [
            Frame(match["file"], int(match["line"]), match["function"], match["source"])
            for match in _FRAME.finditer(block)
        ]


def user_code_pieces(stacktrace: str) -> Iterator[tuple[str, bool]]:
    """Split the text of a stack trace into pieces, each with whether it is a frame of the user's code."""
    end = 0
    for match in _FRAME.finditer(stacktrace):
        if Frame(match["file"], int(match["line"])).in_user_code:
            yield stacktrace[end : match.start()], False
            yield match[0], True
            end = match.end()
    yield stacktrace[end:], False


def _exception(block: str) -> re.Match[str] | None:
    end_of_frames = max((frame.end() for frame in _FRAME.finditer(block)), default=0)
    return next(filter(None, map(_EXCEPTION.match, block[end_of_frames:].splitlines())), None)
