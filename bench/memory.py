"""Python's garbage collector, made to cost the same for everybody."""

from __future__ import annotations

import gc


def settle() -> None:
    """Begin with no garbage and leave what exists alone, so that a collection costs what was made since."""
    gc.collect()
    gc.freeze()
