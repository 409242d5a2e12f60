"""The user's own redaction: a function that is trusted, and may still be slow, wrong or observed by us."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from autogen_otel.redaction.cutting import MASK, head
from autogen_otel.redaction.introspection import qualified_name

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger("autogen_otel")


class OwnFunction:
    """Calls the user's function.

    Args:
        function: takes text that our own redaction has processed, and returns what is recorded.
    """

    def __init__(self, function: Callable[[str], str]) -> None:
        self._function = function
        self._thread_state = threading.local()
        self._logged_problems: set[str] = set()

    def __call__(self, text: str) -> str:
        """Return the function's answer; a mask if it failed, or if the text is of its own making."""
        if getattr(self._thread_state, "runs", False):
            return MASK
        self._thread_state.runs = True
        try:
            answer = self._function(text)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - an exit of the function must not end the host's call
            return self._failed(f"raised {qualified_name(type(error))}")
        finally:
            self._thread_state.runs = False
        if not issubclass(type(answer), str):
            return self._failed(f"returned {qualified_name(type(answer))} instead of str")
        return head(answer, str.__len__(answer))

    def _failed(self, problem: str) -> str:
        if problem not in self._logged_problems:
            self._logged_problems.add(problem)
            _log.warning(
                "the function given as Settings(redact=...) %s; what it should have looked at is recorded "
                "as %s. This is said once",
                problem,
                MASK,
            )
        return MASK
