"""Whether anything listens at an endpoint, answered in a fraction of a second."""

from __future__ import annotations

import codecs
import socket
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from autogen_otel.delivery.threads import start_thread

_PATIENCE: Final = 0.3
_MOST_PATIENCE: Final = 0.8
"""A script that ends while nothing listens may be held up by a second at most."""
_CONNECT_SECONDS: Final = 3.0


@dataclass
class _Attempt:
    """One connection attempt, made in the background because a name lookup knows no time limit.

    ``waited_until`` is when its first caller loses patience; further ones do not wait longer than that.
    """

    finished: threading.Event = field(default_factory=threading.Event)
    is_connected: bool = False
    waited_until: float | None = None
    thread: threading.Thread | None = None


class Probe:
    """Connects to an endpoint and hangs up.

    An exporter that finds nobody retries for up to a minute, which would hold up the end of a script.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._patience = _PATIENCE
        self._attempt = _Attempt()
        self._address = host if _needs_no_lookup(host) else None

    def begin(self) -> None:
        """Start looking without waiting, so that a name is looked up before it is needed."""
        if self._is_running():
            return
        # Otherwise the thread would load it: a process forked meanwhile could never look up a name again.
        codecs.lookup("idna")
        attempt = _Attempt()
        attempt.thread = start_thread("probe", self._connect, attempt, self._target, _CONNECT_SECONDS)
        if attempt.thread is None:
            # Without a lookup none is needed.
            if self._address is None:
                return
            self._connect(attempt, (self._address, self._target[1]), _PATIENCE)
        self._attempt = attempt

    def is_reachable(self) -> bool:
        """Return whether something accepts connections; waits 0.3 s, on a link known to be slow 0.8 s."""
        self.begin()
        attempt = self._attempt
        if attempt.waited_until is None:
            attempt.waited_until = time.monotonic() + self._patience
        attempt.finished.wait(max(0.0, attempt.waited_until - time.monotonic()))
        return attempt.is_connected

    def _is_running(self) -> bool:
        # After a fork the attempt is the parent's: its thread is gone here and would never finish.
        # A thread lives on for a moment after its attempt has finished.
        thread, finished = self._attempt.thread, self._attempt.finished
        return thread is not None and thread.is_alive() and not finished.is_set()

    def _connect(self, attempt: _Attempt, target: tuple[str, int], seconds: float) -> None:
        started_at = time.monotonic()
        try:
            with socket.create_connection(target, timeout=seconds) as connection:
                self._address = str(connection.getpeername()[0])
            attempt.is_connected = True
            self._patience = min(_MOST_PATIENCE, max(_PATIENCE, 3 * (time.monotonic() - started_at)))
        except (OSError, UnicodeError):
            attempt.is_connected = False
        finally:
            attempt.finished.set()


def _needs_no_lookup(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def probe_for(url: str, default_port: int) -> Probe | None:
    """Return the probe of the first hop towards a URL: the proxy where one is set, else the host itself.

    Returns:
        ``None`` where the first hop cannot be told (a Unix socket, an exotic scheme).

    Raises:
        ValueError: the URL has an invalid port or address.
    """
    parts = urlsplit(url)
    host = parts.hostname
    if host is None or parts.scheme not in {"http", "https"}:
        return None
    proxy = None if proxy_bypass(host) else getproxies().get(parts.scheme) or getproxies().get("all")
    if proxy:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        host = parts.hostname
        default_port = {"http": 80, "https": 443}.get(parts.scheme, 1080)
    return _shared_probe(host, parts.port or default_port) if host else None


@cache
def _shared_probe(host: str, port: int) -> Probe:
    """The one probe of a hop: the end of a script waits for it once, not once for each signal."""
    return Probe(host, port)
