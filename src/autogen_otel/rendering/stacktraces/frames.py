"""Frames of a stack: which of them are listed, and how each is written."""

from __future__ import annotations

import linecache
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.causes.tracebacks import steps
from autogen_otel.whose_code import is_library

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType

    from autogen_otel.redaction.redactor import Redactor

_OURS: Final = str(Path(__file__).parents[2]) + os.sep
_MOST_REPEATS: Final = 3
_MOST_FIRST: Final = 50
_MOST_LAST: Final = 450
_LONGEST_PATH: Final = 120
_LONGEST_NAME: Final = 60
_LONGEST_LINE: Final = 120


@dataclass(slots=True)
class StackEntry:
    """One line of code in a stack; ``repeats`` counts its repetitions in a row, as recursion makes them."""

    file: str
    line: int
    function: str
    module_globals: dict[str, Any]
    repeats: int = 1
    frames_cut_before: int = 0

    @property
    def is_library(self) -> bool:
        """Whether the code belongs to an installed package or to Python, rather than to the user."""
        return is_library(self.file)

    def text(self, margin: str, redactor: Redactor) -> str:
        """Write the frame as Python does, each line behind the margin."""
        # Redacted before it is cut: a cut must not halve a secret.
        path, function = redactor.text(self.file), redactor.text(self.function)
        source = redactor.text(linecache.getline(self.file, self.line, self.module_globals).strip())
        path = path if len(path) <= _LONGEST_PATH else f"…{path[-_LONGEST_PATH:]}"
        lines = [f'{margin}  File "{path}", line {self.line}, in {function[:_LONGEST_NAME]}\n']
        if source:
            source_line = source if len(source) <= _LONGEST_LINE else f"{source[:_LONGEST_LINE]}…"
            lines.append(f"{margin}    {source_line}\n")
        lines *= min(self.repeats, _MOST_REPEATS)
        excess = self.repeats - _MOST_REPEATS
        if excess > 0:
            lines.append(
                f"{margin}  [Previous line repeated {excess} more time{'s' if excess > 1 else ''}]\n"
            )
        return "".join(lines)


def frames_of_error(error: BaseException) -> list[StackEntry]:
    """List the frames that an exception went through, outermost first."""
    return _frames_at(steps(error))


def frames_of_stack(frame: FrameType | None) -> list[StackEntry]:
    """List the frames that led to this one, outermost first."""
    inner_first: list[tuple[FrameType, int]] = []
    while frame is not None:
        inner_first.append((frame, frame.f_lineno))
        frame = frame.f_back
    return _frames_at(reversed(inner_first))


def _frames_at(places: Iterable[tuple[FrameType, int]]) -> list[StackEntry]:
    frames: list[StackEntry] = []
    for frame, line in places:
        code = frame.f_code
        if code.co_filename.startswith(_OURS):
            continue
        last = frames[-1] if frames else None
        if last and (last.line, last.file, last.function) == (line, code.co_filename, code.co_name):
            last.repeats += 1
            continue
        # A frame of a code object without line numbers has none.
        frames.append(StackEntry(code.co_filename, line or 0, code.co_name, frame.f_globals))
        if len(frames) > 2 * (_MOST_FIRST + _MOST_LAST):
            _drop_middle(frames)
    return frames


def _drop_middle(frames: list[StackEntry]) -> None:
    middle = frames[_MOST_FIRST:-_MOST_LAST]
    del frames[_MOST_FIRST:-_MOST_LAST]
    frames[_MOST_FIRST].frames_cut_before += sum(frame.repeats + frame.frames_cut_before for frame in middle)
