"""The user's own redaction: it may take out of our text whatever it likes, and can put nothing in."""

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
_LENGTHENS: Final = 8
_ROOM: Final = 1024


class Removal:
    """Calls the user's function, which may be slow, wrong, or itself observed by us.

    Args:
        function: takes text that our own redaction has been through, and returns what may stay.
    """

    def __init__(self, function: Callable[[str], str]) -> None:
        self._function = function
        self._here = threading.local()
        self._told: set[str] = set()

    @property
    def runs(self) -> bool:
        """Whether the function is running on this thread, so that the text is of its own making."""
        return getattr(self._here, "runs", False)

    def __call__(self, text: str) -> str | None:
        """Return what the user lets stand, or ``None`` if the function failed."""
        self._here.runs = True
        try:
            answer = self._function(text)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - an exit of the function must not end the host's call
            self._tell(f"raised {qualified_name(type(error))}")
            return None
        finally:
            self._here.runs = False
        if answer is text:
            return text
        if not issubclass(type(answer), str):
            self._tell(f"returned {qualified_name(type(answer))} instead of str")
            return None
        length = str.__len__(answer)
        if length > _LENGTHENS * len(text) + _ROOM:
            self._tell("returned far more text than it got")
            return None
        return only_removed(text, head(answer, length))

    def _tell(self, what: str) -> None:
        if what not in self._told:
            self._told.add(what)
            _log.warning(
                "the function given as Settings(redact=...) %s; what it should have looked at is recorded "
                "as %s. This is said once",
                what,
                MASK,
            )


def only_removed(ours: str, theirs: str) -> str:
    """Return our text with a mask for each stretch that is missing from theirs; what they added is left out.

    Words are kept whole or not at all, and the white space between them as it was, so that nothing new can
    form.
    """
    if ours == theirs:
        return ours
    had, left = list(_TOKEN.finditer(ours)), _TOKEN.findall(theirs)
    places: dict[str, list[int]] = {}
    for at, token in enumerate(had):
        places.setdefault(token.group(), []).append(at)
    shown: list[str] = []
    at = to = done = 0
    while at < len(had):
        resumed, to = _next_common(places, left, at, to, len(had))
        if resumed > at:
            shown.append(ours[done : had[at].start()])
            # Two masks in a row would only tell how they came about.
            if "".join(shown[-2:]) != MASK:
                shown.append(MASK)
            done = had[resumed - 1].end()
        if resumed < len(had):
            shown.append(ours[done : had[resumed].end()])
            done = had[resumed].end()
        at, to = resumed + 1, to + 1
    return "".join((*shown, ours[done:]))


def _next_common(
    places: dict[str, list[int]], left: list[str], at: int, to: int, end: int
) -> tuple[int, int]:
    """Find the nearest token that both texts have from here on; their ends at the latest."""
    nearest = (end - at + len(left) - to, end, len(left))
    for there in range(to, len(left)):
        if there - to >= nearest[0]:
            break
        here = places.get(left[there], ())
        first = bisect_left(here, at)
        if first < len(here):
            nearest = min(nearest, (there - to + here[first] - at, here[first], there))
    return nearest[1], nearest[2]
