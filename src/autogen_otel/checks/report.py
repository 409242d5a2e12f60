"""The result of a check: problems of entries and of the list, and what their endpoints answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from autogen_otel.vocabulary.verdicts import DEAD, NOT_PROBED, WORKS

ERROR: Final = "error"
"""The entry cannot work."""
WARNING: Final = "warning"
"""The entry works, but not as its author meant, or it fails more often than it has to."""

GUESSES: Final = frozenset({"key_shape", "key_placeholder", "model_placeholder", "endpoint", "value"})
"""Kinds of problems that are guesses: an endpoint that works proves them wrong."""

MEANINGS: Final[Mapping[str, str]] = {
    "not_a_list": "one object where AutoGen wants a list of them, and what it does with that",
    "not_an_object": "an entry is no object",
    "unknown_option": "an option that this host does not take, or a misspelt one",
    "repeated_option": "an option that stands twice in the same entry, of which the last counts",
    "rejected": "something else that the host refuses",
    "value": "a number that is written as text, or that OpenAI's API (Azure's too) does not take",
    "api_type": "an `api_type` that the host does not know, or a misspelt one",
    "model_missing": "no model",
    "model_placeholder": "a model that is a placeholder, or holds whitespace or quotes",
    "key_missing": "no key, and none in the environment",
    "key_placeholder": "a key that is a placeholder",
    "key_shape": "a key with whitespace, quotes or a line break, one that was cut, or another provider's",
    "duplicate": "an entry that stands in the list already",
    "azure_version": "an Azure entry without `api_version`, or with one that is no date",
    "azure_endpoint": "an Azure entry without endpoint, or an Azure endpoint in another entry",
    "endpoint": "a `base_url` that leads nowhere",
    "price": "a `price` that AutoGen cannot calculate with",
    "timeout": "a timeout that is none, is no number, or is shorter than the waits between the retries",
    "retries": "a number of retries that is none, or no retries where there is no other entry",
    "empty": "a list without entries",
}
"""The kinds of problems."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem.

    Args:
        kind: one of ``MEANINGS``.
        severity: ``ERROR`` or ``WARNING``.
        message: what is wrong and what to do, in one sentence without anything secret.
        option: the option of the entry that the problem is about; ``None`` if it is about no single option.
        suggestion: the option or value that the author probably meant; ``None`` if there is none.
    """

    kind: str
    severity: str
    message: str
    option: str | None = None
    suggestion: str | None = None


@dataclass(slots=True)
class EntryReport:
    """What is known of one entry.

    Args:
        index: its position in the list, from 0.
        model: its model; ``None`` if it names none.
        api_type: its ``api_type``; ``None`` if it has none.
        endpoint: where its requests go, without anything secret; ``None`` if that is not known.
        problems: what is wrong with it.
        notes: what could not be checked, and why.
        probe: what its endpoint answered; ``None`` if it was not asked.
    """

    index: int
    model: str | None = None
    api_type: str | None = None
    endpoint: str | None = None
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    probe: dict[str, Any] | None = None

    @property
    def is_dead(self) -> bool:
        """Whether the entry cannot work, however long one waits: ``--drop-dead`` leaves it out."""
        verdict = None if self.probe is None else self.probe["verdict"]
        if verdict == WORKS:
            return False
        return verdict in DEAD or any(problem.severity == ERROR for problem in self.problems)

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong with it."""
        verdict = None if self.probe is None else self.probe["verdict"]
        return not self.problems and verdict in {None, WORKS, NOT_PROBED}


@dataclass(slots=True)
class ListReport:
    """What is known of a ``config_list``.

    Args:
        entries: each of its entries.
        problems: what is wrong with the list, or with the options beside it.
        host: the installed AutoGen that was asked; ``None`` if it could not be asked.
        host_problem: why it could not be asked.
    """

    entries: list[EntryReport]
    problems: list[Problem] = field(default_factory=list)
    host: str | None = None
    host_problem: str | None = None

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems and all(entry.is_well for entry in self.entries)

    def all_problems(self) -> Iterator[tuple[int | None, Problem]]:
        """Each problem with the index of its entry; ``None`` for those of the list."""
        for problem in self.problems:
            yield None, problem
        for entry in self.entries:
            for problem in entry.problems:
                yield entry.index, problem

    def as_dict(self) -> dict[str, Any]:
        """The document that ``autogen-otel check --format json`` prints."""
        return {
            "host": self.host,
            "host_problem": self.host_problem,
            "well": self.is_well,
            "problems": [asdict(problem) for problem in self.problems],
            "entries": [
                {**asdict(entry), "dead": entry.is_dead, "well": entry.is_well} for entry in self.entries
            ],
        }
