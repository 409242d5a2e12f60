"""Values as OTLP has them: their encoded size, what no encoder takes, and how to mend that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

MAX_BYTES: Final = 3 * 1024 * 1024
"""Receivers refuse a whole batch above 4 MiB (gRPC) or 20 MiB (HTTP)."""

_VALUE_BYTES: Final = 24
_INT64_END: Final = 2**63

Item = TypeVar("Item")


def cut(
    items: Sequence[Item], sound: Callable[[Item], tuple[Item, int]], limit: int
) -> tuple[list[list[Item]], int]:
    """Cut a batch into small ones.

    Args:
        items: the batch.
        sound: returns an item that can be encoded, and its size in bytes; what raises is beyond repair.
        limit: bytes of an encoded batch; an item above it stands alone.

    Returns:
        The batches, and how many items are beyond repair.
    """
    batches: list[list[Item]] = []
    lost, room = 0, 0
    for item in items:
        try:
            mended, size = sound(item)
        except Exception:  # noqa: BLE001 - items of other libraries can hold anything
            lost += 1
            continue
        if size > room:
            batches.append([])
            room = limit
        batches[-1].append(mended)
        room -= size
    return batches, lost


def encoded_size(value: Any) -> int:
    """Return an upper bound of a value's size in bytes.

    Raises:
        UnicodeEncodeError: a string holds half a surrogate pair.
        OverflowError: an integer has more than 64 bits.
    """
    if isinstance(value, str):
        return _VALUE_BYTES + (len(value) if value.isascii() else len(value.encode()))
    if isinstance(value, bytes):
        return _VALUE_BYTES + len(value)
    if isinstance(value, int):
        if not -_INT64_END <= value < _INT64_END:
            raise OverflowError("an attribute has more than 64 bits")
        return _VALUE_BYTES
    if isinstance(value, Mapping):
        return _VALUE_BYTES + sum(
            _VALUE_BYTES + encoded_size(key) + encoded_size(item) for key, item in value.items()
        )
    if isinstance(value, Sequence):
        return _VALUE_BYTES + sum(map(encoded_size, value))
    return _VALUE_BYTES


def clean(value: Any) -> Any:
    """Return a value in which every string and number can be encoded."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, int) and not -_INT64_END <= value < _INT64_END:
        return str(value)
    if isinstance(value, Mapping):
        return {clean(key): clean(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [clean(item) for item in value]
    return value
