"""The frames that an exception went through, outermost first: the one walk of a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from types import FrameType
from typing import Any, NamedTuple

from autogen_otel import whose_code
from autogen_otel.reading import read_traceback


class Step(NamedTuple):
    """One frame that an exception went through.

    Args:
        frame: the frame.
        line: the line in it that raised, or that called the code that raised; 0 where there are none.
    """

    frame: FrameType
    line: int

    @property
    def module(self) -> str:
        """The name of the frame's module."""
        return module_of(self.frame)

    @property
    def package(self) -> str:
        """The package that the frame's code belongs to."""
        return whose_code.package_of(self.module)

    @property
    def function(self) -> str:
        """The name of the function."""
        return self.frame.f_code.co_name

    @property
    def is_applications(self) -> bool:
        """Whether the code is the application's, or a library's that it brings along."""
        return whose_code.is_applications(self.module)


def steps(error: BaseException) -> Iterator[Step]:
    """The frames of an exception, whatever attributes its class overrides."""
    link = read_traceback(error)
    while link is not None:
        yield Step(link.tb_frame, link.tb_lineno or 0)
        link = link.tb_next


def module_of(frame: FrameType) -> str:
    """The name of a frame's module."""
    name: Any = frame.f_globals.get("__name__")
    return name if isinstance(name, str) else ""
