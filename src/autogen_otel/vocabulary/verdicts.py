"""The verdicts on the endpoint of a ``config_list`` entry after a request to it: a closed list."""

from typing import Final

MEANINGS: Final[dict[str, str]] = {}
"""What each of them means."""


def _verdict(name: str, meaning: str) -> str:
    MEANINGS[name] = meaning
    return name


WORKS: Final = _verdict("works", "it answered as a model does")
WRONG_KEY: Final = _verdict("wrong_key", "it does not accept the key")
FORBIDDEN: Final = _verdict("forbidden", "it knows the key, and does not allow it this")
UNKNOWN_MODEL: Final = _verdict("unknown_model", "it has no such model or deployment")
UNREACHABLE: Final = _verdict(
    "unreachable", "nothing there speaks this API: host, port, TLS, path, or a redirect to a login page"
)
RATE_LIMITED: Final = _verdict(
    "rate_limited", "it answers, but not now: too many requests, or a quota that is used up"
)
SERVER_ERROR: Final = _verdict("server_error", "it failed itself, or hung up")
TOO_SLOW: Final = _verdict("too_slow", "no answer in time")
NONSENSE: Final = _verdict("nonsense", "it answered what is no completion")
REFUSED: Final = _verdict("refused", "it refuses the request for another reason, which it says")
NOT_PROBED: Final = _verdict("not_probed", "it was not asked, for the reason given")

PHRASES: Final = {verdict: verdict.replace("_", " ") for verdict in MEANINGS} | {NONSENSE: "answers nonsense"}
"""How each of them is printed."""

DEAD: Final = frozenset({WRONG_KEY, FORBIDDEN, UNKNOWN_MODEL, UNREACHABLE, NONSENSE, REFUSED})
"""The verdicts that do not change with time."""
