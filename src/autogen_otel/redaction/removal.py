"""The user's own redaction: it may remove any part of our text, and can add nothing."""

from __future__ import annotations

import logging
import re
import threading
from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from autogen_otel.redaction.cutting import MASK, head
from autogen_otel.redaction.introspection import qualified_name

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger("autogen_otel")

_SPACELESS: Final = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
# A mask, one sign of a script without spaces, a word, or any other single sign.
_TOKEN = re.compile(rf"\[redacted\]|[{_SPACELESS}]|[^\W{_SPACELESS}]+|[^\w\s]")
_MOST_LENGTHENING: Final = 8
_EXTRA_ROOM: Final = 1024


class Removal:
    """Calls the user's function, which may be slow, wrong, or itself observed by us.

    Args:
        function: takes text that our own redaction has processed, and returns what may stay.
    """

    def __init__(self, function: Callable[[str], str]) -> None:
        self._function = function
        self._thread_state = threading.local()
        self._logged_problems: set[str] = set()

    @property
    def runs(self) -> bool:
        """Whether the function is running on this thread, so that the text is of its own making."""
        return getattr(self._thread_state, "runs", False)

    def __call__(self, text: str) -> str | None:
        """Return the text that the user's function keeps, or ``None`` if the function failed."""
        self._thread_state.runs = True
        try:
            answer = self._function(text)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - an exit of the function must not end the host's call
            self._warn_once(f"raised {qualified_name(type(error))}")
            return None
        finally:
            self._thread_state.runs = False
        if answer is text:
            return text
        if not issubclass(type(answer), str):
            self._warn_once(f"returned {qualified_name(type(answer))} instead of str")
            return None
        length = str.__len__(answer)
        if length > _MOST_LENGTHENING * len(text) + _EXTRA_ROOM:
            self._warn_once("returned far more text than it got")
            return None
        return mask_removed(text, head(answer, length))

    def _warn_once(self, problem: str) -> None:
        if problem not in self._logged_problems:
            self._logged_problems.add(problem)
            _log.warning(
                "the function given as Settings(redact=...) %s; what it should have looked at is recorded "
                "as %s. This is said once",
                problem,
                MASK,
            )


def mask_removed(own_text: str, user_text: str) -> str:
    """Return our text with a mask for each stretch that is missing from theirs, and without their additions.

    A word stays whole or not at all, and the white space between words stays as it was, so that no new text
    can form.
    """
    if own_text == user_text:
        return own_text
    our_tokens, their_tokens = list(_TOKEN.finditer(own_text)), _TOKEN.findall(user_text)
    positions: dict[str, list[int]] = {}
    for our_at, token in enumerate(our_tokens):
        positions.setdefault(token.group(), []).append(our_at)
    pieces: list[str] = []
    our_at = their_at = copied_until = 0
    while our_at < len(our_tokens):
        next_common, their_at = _next_common(positions, their_tokens, our_at, their_at, len(our_tokens))
        if next_common > our_at:
            pieces.append(own_text[copied_until : our_tokens[our_at].start()])
            # Two masks in a row would only tell how the text was compared.
            if "".join(pieces[-2:]) != MASK:
                pieces.append(MASK)
            copied_until = our_tokens[next_common - 1].end()
        if next_common < len(our_tokens):
            pieces.append(own_text[copied_until : our_tokens[next_common].end()])
            copied_until = our_tokens[next_common].end()
        our_at, their_at = next_common + 1, their_at + 1
    return "".join((*pieces, own_text[copied_until:]))


def _next_common(
    positions: dict[str, list[int]], their_tokens: list[str], our_at: int, their_at: int, end: int
) -> tuple[int, int]:
    """Find the positions of the nearest token that both texts have from here on, else those of their ends."""
    nearest = (end - our_at + len(their_tokens) - their_at, end, len(their_tokens))
    for candidate in range(their_at, len(their_tokens)):
        if candidate - their_at >= nearest[0]:
            break
        our_positions = positions.get(their_tokens[candidate], ())
        first = bisect_left(our_positions, our_at)
        if first < len(our_positions):
            nearest = min(
                nearest,
                (candidate - their_at + our_positions[first] - our_at, our_positions[first], candidate),
            )
    return nearest[1], nearest[2]
