"""The exceptions behind an exception: causes, contexts and groups, in the order Python prints them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from autogen_otel.causes.links import members
from autogen_otel.reading import read_link, read_text, suppresses_context
from autogen_otel.redaction.introspection import qualified_name
from autogen_otel.rendering.stacktraces.frames import StackEntry, frames_of_error

if TYPE_CHECKING:
    from collections.abc import Iterator

_CAUSE: Final = "The above exception was the direct cause of the following exception:"
_CONTEXT: Final = "During handling of the above exception, another exception occurred:"
_HEADING: Final = "Traceback (most recent call last):"
_MOST_LINKS: Final = 1000
_MOST_SUBS: Final = 15
_DEEPEST_GROUP: Final = 10
_RULE: Final = "-" * 16


@dataclass(slots=True)
class Block:
    """One exception of a chain, ready to be written.

    Args:
        margin: text before each of its lines.
        lead: whole lines before it.
        heading: the line above its frames.
        title: type, message and notes.
        kind: the type alone.
        frames: outermost first.
        tail: whole lines after it.
    """

    margin: str = ""
    lead: str = ""
    heading: str = ""
    title: str = ""
    kind: str = ""
    frames: list[StackEntry] = field(default_factory=list)
    tail: str = ""


def blocks_of(error: BaseException, *, with_messages: bool = True) -> list[Block]:
    """List the exceptions to print, the root cause first.

    Args:
        error: the last of them.
        with_messages: whether their titles include their messages.
    """
    return [
        block if with_messages else replace(block, title=block.kind) for block in _blocks(error, 0, set())
    ]


def _blocks(error: BaseException, depth: int, seen_ids: set[int]) -> Iterator[Block]:
    links: list[tuple[BaseException, str]] = []
    link: BaseException | None = error
    relation_to_next = ""
    while link is not None and id(link) not in seen_ids and len(links) < _MOST_LINKS:
        seen_ids.add(id(link))
        links.append((link, relation_to_next))
        link, relation_to_next = _next_link(link)
    # Each exception says how it relates to the one printed before it, which is its cause or context.
    for at in range(len(links) - 1, -1, -1):
        relation = links[at + 1][1] if at + 1 < len(links) else ""
        yield from _block(links[at][0], relation, depth, seen_ids)


def _next_link(error: BaseException) -> tuple[BaseException | None, str]:
    cause = read_link(error, "__cause__")
    if cause is not None:
        return cause, _CAUSE
    return (None, "") if suppresses_context(error) else (read_link(error, "__context__"), _CONTEXT)


def _block(error: BaseException, relation: str, depth: int, seen_ids: set[int]) -> Iterator[Block]:
    subs = members(error)
    level = max(depth, 1) if subs else depth
    margin = f"{'  ' * level}| " if level else ""
    outer = f"{'  ' * depth}| " if depth else ""
    corner = "+" if subs and not depth else "|"
    heading = f"{'Exception Group ' if subs else ''}{_HEADING}"
    yield Block(
        margin=margin,
        lead=f"{outer}\n{outer}{relation}\n{outer}\n" if relation else "",
        heading=f"{'  ' * level}{corner} {heading}" if level else heading,
        title=_title(error),
        kind=_kind(error),
        frames=frames_of_error(error),
    )
    if subs:
        yield from _sub_blocks(subs, level, seen_ids)


def _sub_blocks(subs: tuple[BaseException, ...], level: int, seen_ids: set[int]) -> Iterator[Block]:
    indent = "  " * level
    if level > _DEEPEST_GROUP:
        yield Block(lead=f"{indent}  ... (deeper groups)\n")
        return
    for at, sub in enumerate(subs[:_MOST_SUBS]):
        yield Block(lead=f"{indent}{'+-' if at == 0 else '  '}+{_RULE} {at + 1} {_RULE}\n")
        yield from _blocks(sub, level + 1, seen_ids)
    if len(subs) > _MOST_SUBS:
        rest = len(subs) - _MOST_SUBS
        yield Block(lead=f"{indent}  +{_RULE} ... {_RULE}\n{indent}  | and {rest} more exceptions\n")
    yield Block(tail=f"{indent}  +{'-' * 36}\n")


def _kind(error: BaseException) -> str:
    return qualified_name(type(error)).removeprefix("__main__.")


def _title(error: BaseException) -> str:
    message, name = read_text(error), _kind(error)
    return "\n".join([f"{name}: {message}" if message else name, *_notes(error)])


def _notes(error: BaseException) -> list[str]:
    try:
        notes = error.__notes__ if hasattr(error, "__notes__") else []
        return [note for note in notes if isinstance(note, str)] if isinstance(notes, (list, tuple)) else []
    except Exception:  # noqa: BLE001 - the user's objects may raise anything
        return []
