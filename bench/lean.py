"""The SDK without its walk through the history, which would drown what is measured.

On each call the SDK compares all messages that are sent with their annotated types. That takes most of the
CPU time of a conversation, and no span touches it. Left in, it varies by more than what spans add. Left out,
for all variants alike, the differences that the ratio is made of stay the same and can be seen.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from typing import Any
from unittest import mock

from openai._utils import is_given
from openai.resources.chat.completions import Completions


@contextlib.contextmanager
def lean_sdk() -> Iterator[None]:
    """Send what is given as it is, for one ``with`` block."""
    with mock.patch.object(sys.modules[Completions.__module__], "maybe_transform", _as_it_is):
        yield


def _as_it_is(parameters: Mapping[str, Any], _expected_type: Any) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if is_given(value)}
