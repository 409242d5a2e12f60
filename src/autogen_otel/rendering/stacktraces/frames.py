"""Frames of a stack: which count, and how each is written."""

from __future__ import annotations

import linecache
import os
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.redaction.cutting import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FrameType, TracebackType

    from autogen_otel.redaction.redactor import Redactor

_OURS: Final = str(Path(__file__).parents[2]) + os.sep
_STDLIB: Final = sysconfig.get_paths()["stdlib"] + os.sep
_INSTALLED: Final = ("site-packages", "dist-packages")
_REPEATS_SHOWN: Final = 3
_FIRST_KEPT: Final = 50
_LAST_KEPT: Final = 450
_LONGEST_PATH: Final = 120
_LONGEST_NAME: Final = 60
_LONGEST_LINE: Final = 120


@dataclass(slots=True)
class Frame:
    """One place in the code; ``repeats`` counts the same place in a row, as recursion has it."""

    file: str
    line: int
    function: str
    module_globals: dict[str, Any]
    repeats: int = 1
    cut_before: int = 0

    @property
    def is_library(self) -> bool:
        """Whether the code is installed or Python's own, rather than the user's."""
        return self.file.startswith(("<frozen", _STDLIB)) or any(part in self.file for part in _INSTALLED)

    def text(self, margin: str, redactor: Redactor) -> str:
        """Write the frame as Python does, each line behind the margin."""
        # Everything before it is cut: a secret in it must not be halved.
        path, function = redactor.exact(clean(self.file)), redactor.exact(clean(self.function))
        source = redactor.text(linecache.getline(self.file, self.line, self.module_globals).strip())
        path = path if len(path) <= _LONGEST_PATH else f"…{path[-_LONGEST_PATH:]}"
        lines = [f'{margin}  File "{path}", line {self.line}, in {function[:_LONGEST_NAME]}\n']
        if source:
            shown = source if len(source) <= _LONGEST_LINE else f"{source[:_LONGEST_LINE]}…"
            lines.append(f"{margin}    {shown}\n")
        lines *= min(self.repeats, _REPEATS_SHOWN)
        more = self.repeats - _REPEATS_SHOWN
        if more > 0:
            lines.append(f"{margin}  [Previous line repeated {more} more time{'s' if more > 1 else ''}]\n")
        return "".join(lines)


def frames_of_traceback(traceback: TracebackType | None) -> list[Frame]:
    """List the frames of a traceback, outermost first."""
    return _collected(_steps(traceback))


def frames_of_stack(frame: FrameType | None) -> list[Frame]:
    """List the frames that led to this one, outermost first."""
    inner_first: list[tuple[FrameType, int]] = []
    while frame is not None:
        inner_first.append((frame, frame.f_lineno))
        frame = frame.f_back
    return _collected(reversed(inner_first))


def _steps(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


def _collected(steps: Iterable[tuple[FrameType, int]]) -> list[Frame]:
    frames: list[Frame] = []
    for frame, line in steps:
        code = frame.f_code
        if code.co_filename.startswith(_OURS):
            continue
        last = frames[-1] if frames else None
        if last and (last.line, last.file, last.function) == (line, code.co_filename, code.co_name):
            last.repeats += 1
            continue
        # A frame of a code object without line numbers has none.
        frames.append(Frame(code.co_filename, line or 0, code.co_name, frame.f_globals))
        if len(frames) > 2 * (_FIRST_KEPT + _LAST_KEPT):
            _drop_middle(frames)
    return frames


def _drop_middle(frames: list[Frame]) -> None:
    dropped = frames[_FIRST_KEPT:-_LAST_KEPT]
    del frames[_FIRST_KEPT:-_LAST_KEPT]
    frames[_FIRST_KEPT].cut_before += sum(frame.repeats + frame.cut_before for frame in dropped)
