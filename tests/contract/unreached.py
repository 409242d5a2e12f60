"""Functions of what observes that the tests' conversations do not reach while they are held, and why."""

from __future__ import annotations

from fnmatch import fnmatch

_BEGINS = "as observing begins or ends, before and after all calls; `test_contract_undo`, `test_instrument`"
_AFTER_AN_ERROR = "after an error of ours only; the test below makes them fail together with another"
_OVERRIDDEN = "what a kind of call does where it says nothing itself; all kinds that are observed say it"
_LINEAGE = "for another lineage than this one, or for a package that is not installed here"
_ONCE = "once for all calls: kept since the conversation that was held to warm up"
_RARE = "values, failures and sizes that no conversation here brings about; their own room's tests do"

UNREACHED: dict[str, str] = {
    "hooks/attach.py *": _BEGINS,
    "hooks/report.py *": _BEGINS,
    "hosts/classic/table.py *": _BEGINS,
    "hooks/drive.py original_of": _BEGINS,
    "hooks/drive.py bound": "under wrappers of others; `test_contract_application`",
    "hooks/*.py __init__": _BEGINS,
    "hooks/rows.py *": _BEGINS,
    "hosts/classic/tools/lookup.py __delete__": _RARE,
    "hosts/classic/tools/lookup.py __await__": _RARE,
    "hosts/sdk/streams.py *": _BEGINS,
    "hooks/guard.py *": _AFTER_AN_ERROR,
    "hooks/hops.py *": _LINEAGE,
    "recording/meters.py _instrument*": _BEGINS,
    "recording/*.py __init__": _BEGINS,
    "recording/recorder.py __post_init__": _BEGINS,
    "recording/logs.py *": _BEGINS,
    "recording/attributes.py <lambda>": _BEGINS,
    "recording/other_instrumentations.py *": _LINEAGE,
    "recording/prices.py *": _LINEAGE,
    "recording/rates.py *": _LINEAGE,
    "recording/application.py coroutine": _RARE,
    "recording/call.py *": _OVERRIDDEN,
    "recording/failures.py _announce": _RARE,
    "redaction/*.py __init__": _BEGINS,
    "redaction/known/*": _ONCE,
    "redaction/*": _RARE,
    "rendering/*.py __init__": _BEGINS,
    "rendering/*": _RARE,
    "operations/operation.py *": _OVERRIDDEN,
    "hosts/classic/conversations/transition.py *": _LINEAGE,
    "hosts/classic/conversations/handoff.py *": _LINEAGE,
    "hosts/classic/models/assistant_run.py *": _LINEAGE,
    "hosts/*.py circumstances": _RARE,
    "operations/*": _RARE,
    "hosts/*": _RARE,
    "causes/*": _RARE,
    "vocabulary/*": _BEGINS,
}
"""The reason by file and name; the first that fits counts."""


def reason(file: str, name: str) -> str:
    """Why a function is not reached.

    Args:
        file: in the package.
        name: of the function.
    """
    return next((UNREACHED[one] for one in UNREACHED if fnmatch(f"{file} {name}", one)), "no reason is known")
