"""What is said of the endpoint of a ``config_list`` entry after asking it: a closed list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

WORKS: Final = "works"
WRONG_KEY: Final = "wrong_key"
FORBIDDEN: Final = "forbidden"
UNKNOWN_MODEL: Final = "unknown_model"
UNREACHABLE: Final = "unreachable"
RATE_LIMITED: Final = "rate_limited"
SERVER_ERROR: Final = "server_error"
TOO_SLOW: Final = "too_slow"
NONSENSE: Final = "nonsense"
REFUSED: Final = "refused"
NOT_PROBED: Final = "not_probed"

MEANINGS: Final[Mapping[str, str]] = {
    WORKS: "it answered as a model does",
    WRONG_KEY: "it does not accept the key",
    FORBIDDEN: "it knows the key, and does not allow it this",
    UNKNOWN_MODEL: "it has no such model or deployment",
    UNREACHABLE: "nothing there speaks this API: host, port, TLS, path, or a redirect to a login page",
    RATE_LIMITED: "it answers, but not now: too many requests, or a quota that is used up",
    SERVER_ERROR: "it failed itself, or hung up",
    TOO_SLOW: "no answer in time",
    NONSENSE: "it answered what is no completion",
    REFUSED: "it refuses the request for another reason, which it says",
    NOT_PROBED: "it was not asked, for the reason given",
}
"""What each of them means."""

PHRASES: Final[Mapping[str, str]] = {
    **{verdict: verdict.replace("_", " ") for verdict in MEANINGS},
    NONSENSE: "answers nonsense",
}
"""How each of them reads."""

DEAD: Final = frozenset({WRONG_KEY, FORBIDDEN, UNKNOWN_MODEL, UNREACHABLE, NONSENSE, REFUSED})
"""Those that no waiting changes."""
