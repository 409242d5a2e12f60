"""What the runs of a page have made, which outlives each of them as a module does."""

from __future__ import annotations

import weakref
from typing import Any

MADE: list[weakref.ref[Any]] = []
"""The classes and the agents of all runs."""
