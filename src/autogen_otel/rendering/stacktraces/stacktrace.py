"""Stack traces as Python prints them, bounded, without secrets and without this package's own frames."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from autogen_otel.redaction.cutting import cut_middle
from autogen_otel.redaction.introspection import qualified_name, unprintable
from autogen_otel.redaction.redactor import Redactor
from autogen_otel.rendering.stacktraces.chains import Block, blocks_of
from autogen_otel.rendering.stacktraces.frames import frames_of_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.rendering.stacktraces.frames import StackEntry

_GAP_LENGTH: Final = 32
_SHORTEST_FRAME: Final = 40
_CHARS_PER_BLOCK: Final = 512
_SHORTEST_TITLE: Final = 80


def stacktrace(error: BaseException, limit: int, redactor: Redactor, *, with_messages: bool = True) -> str:
    """Format an exception with its causes, contexts, notes and groups; never raises.

    Args:
        error: the exception, which is not changed.
        limit: most characters to return. Where that is too little, library frames are cut first, then outer
            ones.
        redactor: takes the secrets out of messages and source lines, before anything is cut.
        with_messages: whether to write the exceptions' messages; else only their classes and frames.
    """
    try:
        return cut_middle(_Page(limit, redactor).write(blocks_of(error, with_messages=with_messages)), limit)
    except Exception as failure:  # noqa: BLE001 - the user's objects may raise anything
        return cut_middle(f"{qualified_name(type(error))}: {unprintable(error, failure, 'traceback')}", limit)


def current_stack(limit: int, redactor: Redactor) -> str:
    """Format the current stack, outermost call first; never raises."""
    try:
        frames = frames_of_stack(sys._getframe(1))  # noqa: SLF001 - what the standard library uses too
        stack = Block(heading="Stack (most recent call last):", frames=frames)
        return cut_middle(_Page(limit, redactor).write([stack]), limit)
    except Exception as failure:  # noqa: BLE001 - source loaders may raise anything
        return cut_middle(f"<no stack: {qualified_name(type(failure))}>", limit)


class _Page:
    """Writes as much of a chain of exceptions as fits into a number of characters."""

    def __init__(self, limit: int, redactor: Redactor) -> None:
        self._limit = limit
        self._redactor = redactor

    def write(self, blocks: list[Block]) -> str:
        """Write all blocks, or the most informative ones if not all fit."""
        blocks = _most_informative(blocks, max(2, self._limit // _SHORTEST_TITLE))
        titles = [self._title(block, self._limit) for block in blocks]
        frames = [self._frames(block, self._limit) for block in blocks]
        full_text = _assemble(blocks, titles, frames)
        if len(full_text) <= self._limit:
            return full_text
        main_blocks = _most_informative(blocks, max(2, self._limit // _CHARS_PER_BLOCK))
        titles = [
            self._title(block, max(_SHORTEST_TITLE, self._limit // 4 // len(main_blocks)))
            for block in main_blocks
        ]
        return _assemble(main_blocks, titles, self._share_room(main_blocks, titles))

    def _title(self, block: Block, length: int) -> str:
        if not block.title:
            return ""
        title = self._redactor.fit(block.title, length)
        return "".join(f"{block.margin}{line}\n" for line in title.split("\n"))

    def _share_room(self, blocks: list[Block], titles: list[str]) -> list[str]:
        """Give each exception its share of the room; one that needs less leaves more to the others."""
        frames = [self._frames(block, self._limit) for block in blocks]
        room = self._limit - len(_assemble(blocks, titles, [""] * len(blocks)))
        room -= sum(len(block.heading) + 1 for block in blocks if block.frames)
        by_need = sorted((at for at, text in enumerate(frames) if text), key=lambda at: len(frames[at]))
        for rank, at in enumerate(by_need):
            share = room // (len(by_need) - rank)
            if len(frames[at]) > share:
                frames[at] = self._frames(blocks[at], share)
            room -= len(frames[at])
        return frames

    def _frames(self, block: Block, room: int) -> str:
        """Write as many frames as fit: the user's before those of libraries, inner before outer."""
        frames = block.frames
        order = sorted(range(len(frames)), key=lambda at: (frames[at].is_library, -at))
        texts: dict[int, str] = {}
        for at in order:
            if texts and room < _SHORTEST_FRAME:
                break
            text = frames[at].text(block.margin, self._redactor)
            # One frame is written in any case: without a location an error says little.
            if not texts or len(text) + _GAP_LENGTH <= room:
                texts[at] = text
                room -= len(text) + (0 if len(texts) == len(frames) else _GAP_LENGTH)
        return "".join(_with_gaps(frames, texts, block.margin))


def _assemble(blocks: list[Block], titles: list[str], frames: list[str]) -> str:
    parts: list[str] = []
    for block, title, stack in zip(blocks, titles, frames, strict=True):
        parts += (block.lead, f"{block.heading}\n" if stack else "", stack, title, block.tail)
    return "".join(parts)


def _with_gaps(frames: list[StackEntry], texts: dict[int, str], margin: str) -> Iterator[str]:
    gap = 0
    for at, frame in enumerate(frames):
        gap += frame.frames_cut_before
        if at not in texts:
            gap += frame.repeats
            continue
        if gap:
            yield f"{margin}  [{gap} frames cut]\n"
            gap = 0
        yield texts[at]
    if gap:
        yield f"{margin}  [{gap} frames cut]\n"


def _most_informative(blocks: list[Block], most: int) -> list[Block]:
    """Keep the last exceptions, which the program saw, and the first, which began it."""
    excess = len(blocks) - most
    if excess <= 0:
        return blocks
    return [blocks[0], Block(lead=f"\n[{excess} exceptions cut]\n"), *blocks[len(blocks) - most + 1 :]]
