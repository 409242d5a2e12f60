"""The cut wire: while it is cut, nothing of this process reaches the network.

An audit hook sees every connection that Python makes, whichever library asks for it, and cannot be taken out.
"""

from __future__ import annotations

import sys
from typing import Any, Final

_EVENTS: Final = frozenset(
    {
        "socket.connect",
        "socket.sendto",
        "socket.sendmsg",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyaddr",
        "urllib.Request",
    }
)
_PROGRAMS: Final = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"})
"""Other programs would have a wire of their own: credentials are asked of some."""


class WireCutError(ConnectionRefusedError):
    """Somebody wanted to connect."""


class Wire:
    """The wire of this process, cut from the start."""

    def __init__(self) -> None:
        self._is_cut = True
        sys.addaudithook(self._look)

    def mend(self) -> None:
        """Let the process connect from now on."""
        self._is_cut = False

    def _look(self, event: str, _arguments: tuple[Any, ...]) -> None:
        if self._is_cut and (event in _EVENTS or event in _PROGRAMS):
            raise WireCutError("the network is cut off here")
