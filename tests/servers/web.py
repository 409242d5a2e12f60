"""Questions to a server's HTTP interface."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

_ANSWER_SECONDS = 30.0
_PATIENCE_SECONDS = 20.0
_PAUSE_SECONDS = 0.05


class Refused(AssertionError):  # noqa: N818 - it reads as what happened
    """A server answered with an error.

    Args:
        status: of HTTP.
        body: what it said.
    """

    def __init__(self, url: str, status: int, body: str) -> None:
        super().__init__(f"{url} answered {status}: {body}")
        self.status = status
        self.body = body


def get(url: str, parameters: Mapping[str, str | int | float] | None = None) -> bytes:
    """Return the body that a URL gives.

    Raises:
        Refused: the answer is not 2xx.
    """
    asked = f"{url}?{urllib.parse.urlencode(parameters)}" if parameters else url
    try:
        with urllib.request.urlopen(asked, timeout=_ANSWER_SECONDS) as response:  # noqa: S310 - loopback
            return bytes(response.read())
    except urllib.error.HTTPError as error:
        raise Refused(asked, error.code, error.read().decode("utf-8", "replace")) from None


def get_json(url: str, parameters: Mapping[str, str | int | float] | None = None) -> Any:
    """Return the JSON that a URL gives; see ``get``."""
    return json.loads(get(url, parameters))


def eventually(ask: Callable[[], T], enough: Callable[[T], bool] = bool) -> T:
    """Ask until the answer is enough; servers take a moment from accepting data to showing it.

    Returns:
        The last answer; after 20 seconds it may not be enough, which the test's own assertion then says.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not enough(answer := ask()) and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
    return answer
