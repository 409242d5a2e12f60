"""Stack traces as Python prints them, bounded, without secrets and without this package's own frames."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from autogen_otel.redaction.cutting import cut_middle
from autogen_otel.redaction.introspection import qualified_name, unprintable
from autogen_otel.redaction.known.secrets import KnownSecrets
from autogen_otel.redaction.redactor import Redactor
from autogen_otel.rendering.stacktraces.chains import Block, blocks_of
from autogen_otel.rendering.stacktraces.frames import frames_of_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.rendering.stacktraces.frames import Frame

_FORMATS_ONLY: Final = Redactor(KnownSecrets())
_GAP_LENGTH: Final = 32
_SHORTEST_FRAME: Final = 40
_CHARS_PER_BLOCK: Final = 512
_SHORTEST_TITLE: Final = 80


def stacktrace(
    error: BaseException, limit: int, redactor: Redactor = _FORMATS_ONLY, *, words: bool = True
) -> str:
    """Format an exception with its causes, contexts, notes and groups; never raises.

    Args:
        error: the exception, left as it is.
        limit: most characters to return. Where that is too little, library frames go first, then outer ones.
        redactor: takes the secrets out of messages and source lines, before anything is cut.
        words: whether to write what the exceptions say; else there are their classes and places.
    """
    try:
        return cut_middle(_Page(limit, redactor).written(blocks_of(error, words=words)), limit)
    except Exception as failure:  # noqa: BLE001 - the user's objects may raise anything
        return cut_middle(f"{qualified_name(type(error))}: {unprintable(error, failure, 'traceback')}", limit)


def current_stack(limit: int, redactor: Redactor = _FORMATS_ONLY) -> str:
    """Format where the program stands now, outermost call first; never raises."""
    try:
        frames = frames_of_stack(sys._getframe(1))  # noqa: SLF001 - what the standard library uses too
        stack = Block(heading="Stack (most recent call last):", frames=frames)
        return cut_middle(_Page(limit, redactor).written([stack]), limit)
    except Exception as failure:  # noqa: BLE001 - source loaders may raise anything
        return cut_middle(f"<no stack: {qualified_name(type(failure))}>", limit)


class _Page:
    """Room for so many characters, and what of a chain to put there."""

    def __init__(self, limit: int, redactor: Redactor) -> None:
        self._limit = limit
        self._redactor = redactor

    def written(self, blocks: list[Block]) -> str:
        """Write it all, or if it does not fit what tells most."""
        blocks = _most_telling(blocks, max(2, self._limit // _SHORTEST_TITLE))
        titles = [self._title(block, self._limit) for block in blocks]
        frames = [self._frames(block, self._limit) for block in blocks]
        whole = _assembled(blocks, titles, frames)
        if len(whole) <= self._limit:
            return whole
        kept = _most_telling(blocks, max(2, self._limit // _CHARS_PER_BLOCK))
        titles = [self._title(block, max(_SHORTEST_TITLE, self._limit // 4 // len(kept))) for block in kept]
        return _assembled(kept, titles, self._shared_out(kept, titles))

    def _title(self, block: Block, length: int) -> str:
        if not block.title:
            return ""
        title = self._redactor.fitted(block.title, length)
        return "".join(f"{block.margin}{line}\n" for line in title.split("\n"))

    def _shared_out(self, blocks: list[Block], titles: list[str]) -> list[str]:
        """Give each exception its share of the room; what needs less leaves more to the others."""
        frames = [self._frames(block, self._limit) for block in blocks]
        room = self._limit - len(_assembled(blocks, titles, [""] * len(blocks)))
        room -= sum(len(block.heading) + 1 for block in blocks if block.frames)
        by_need = sorted((at for at, text in enumerate(frames) if text), key=lambda at: len(frames[at]))
        for done, at in enumerate(by_need):
            share = room // (len(by_need) - done)
            if len(frames[at]) > share:
                frames[at] = self._frames(blocks[at], share)
            room -= len(frames[at])
        return frames

    def _frames(self, block: Block, room: int) -> str:
        """Write as many frames as fit: the user's before those of libraries, inner before outer."""
        frames = block.frames
        order = sorted(range(len(frames)), key=lambda at: (frames[at].is_library, -at))
        chosen: dict[int, str] = {}
        for at in order:
            if chosen and room < _SHORTEST_FRAME:
                break
            text = frames[at].text(block.margin, self._redactor)
            # One frame is shown in any case: without a place an error says little.
            if not chosen or len(text) + _GAP_LENGTH <= room:
                chosen[at] = text
                room -= len(text) + (0 if len(chosen) == len(frames) else _GAP_LENGTH)
        return "".join(_with_gaps(frames, chosen, block.margin))


def _assembled(blocks: list[Block], titles: list[str], frames: list[str]) -> str:
    parts: list[str] = []
    for block, title, stack in zip(blocks, titles, frames, strict=True):
        parts += (block.lead, f"{block.heading}\n" if stack else "", stack, title, block.tail)
    return "".join(parts)


def _with_gaps(frames: list[Frame], chosen: dict[int, str], margin: str) -> Iterator[str]:
    gap = 0
    for at, frame in enumerate(frames):
        gap += frame.cut_before
        if at not in chosen:
            gap += frame.repeats
            continue
        if gap:
            yield f"{margin}  [{gap} frames cut]\n"
            gap = 0
        yield chosen[at]
    if gap:
        yield f"{margin}  [{gap} frames cut]\n"


def _most_telling(blocks: list[Block], most: int) -> list[Block]:
    """Keep the last exceptions, which the program saw, and the first, which began it."""
    dropped = len(blocks) - most
    if dropped <= 0:
        return blocks
    return [blocks[0], Block(lead=f"\n[{dropped} exceptions cut]\n"), *blocks[len(blocks) - most + 1 :]]
