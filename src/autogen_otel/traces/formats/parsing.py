"""Parsing JSON, fast where the extra ``cli`` is installed."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any, Final


def _parser() -> Callable[[bytes | str], Any]:
    """``json.loads``, or ``loads`` of orjson where it is installed, which takes a third of the time."""
    with suppress(ImportError):
        orjson_loads = import_module("orjson").loads

        def parse(text: bytes | str) -> Any:
            try:
                return orjson_loads(text)
            except ValueError:
                # It refuses NaN and lone surrogates, which Python's own writer leaves in.
                return json.loads(text)

        return parse
    return json.loads


loads: Final = _parser()
"""Parses one text."""
