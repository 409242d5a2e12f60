"""How often ``diagnose`` names the true cause, of incidents whose truth is known."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from autogen_otel.diagnosis.findings import Diagnosis, diagnose
from autogen_otel.vocabulary.causes import CAUSES
from bench.figures import Figure
from tests.support.diagnosed import Incident, Truth, fits, healthy, incidents, journal
from tests.support.recorded import spans_of

_SIZES = (40, 100)
"""Conversations of an incident."""
_SEEDS = (1, 2)
_NOTHING = "nothing"


@dataclass(frozen=True)
class Verdict:
    """What ``diagnose`` answers about one thing that is wrong.

    Args:
        size: conversations of the incident.
        truth: its cause; ``nothing`` if all is well.
        answer: the cause that was named for it; ``nothing`` for none.
        is_first: whether the first finding is one of the truths of its incident.
        goes_with: whether what it goes with was named; ``None`` if it goes with nothing.
    """

    size: int
    truth: str
    answer: str
    is_first: bool
    goes_with: bool | None = None


def measure(say: Callable[[str], None]) -> list[Figure]:
    """Diagnose every incident of the tests' generator with several sizes and seeds."""
    verdicts: list[Verdict] = []
    for size in _SIZES:
        say(f"incidents of {size} conversations are diagnosed")
        verdicts += [verdict for seed in _SEEDS for verdict in _of_incidents(size, seed)]
    return [_matrix(verdicts), _rates(verdicts)]


def _of_incidents(size: int, seed: int) -> Iterator[Verdict]:
    for incident in (*incidents().values(), *healthy().values()):
        yield from _verdicts(incident, size, diagnose(spans_of(*journal(incident, seed, size))))


def _verdicts(incident: Incident, size: int, diagnosis: Diagnosis) -> Iterator[Verdict]:
    findings = diagnosis.findings
    others = [
        finding.cause for finding in findings if not any(fits(finding, truth) for truth in incident.truths)
    ]
    if not incident.truths:
        yield Verdict(size, _NOTHING, others[0] if others else _NOTHING, not others)
    is_first = bool(findings) and any(fits(findings[0], truth) for truth in incident.truths)
    for truth in incident.truths:
        finding = next((finding for finding in findings if fits(finding, truth)), None)
        answer = others[0] if others else _NOTHING
        if finding is None:
            yield Verdict(size, truth.cause, answer, is_first, _goes_with(truth, None))
        else:
            first = finding.discriminators[0].property if finding.discriminators else None
            discriminator = None if first is None else (first.attribute, first.text)
            yield Verdict(size, truth.cause, truth.cause, is_first, _goes_with(truth, discriminator))


def _goes_with(truth: Truth, discriminator: tuple[str, str] | None) -> bool | None:
    if truth.attribute is None:
        return None
    return (
        discriminator is not None
        and discriminator[0] == truth.attribute
        and truth.value in {None, discriminator[1]}
    )


def _matrix(verdicts: Sequence[Verdict]) -> Figure:
    counts = Counter((verdict.truth, verdict.answer) for verdict in verdicts)
    names = [cause for cause in (*CAUSES, _NOTHING) if any(cause in pair for pair in counts)]
    return Figure(
        title="Causes",
        explanation=(
            "What `autogen-otel diagnose` says (across) of what is wrong (down). Each of the incidents in "
            f"`tests/support/diagnosed.py` is held with {', '.join(map(str, _SIZES))} conversations and the "
            f"seeds {', '.join(map(str, _SEEDS))}; of mixtures every cause counts. A cause counts as named "
            "only with the right subject (tool, line, entry, host, limit)."
        ),
        columns=("wrong is", *names),
        rows=[
            (truth, *(str(counts[truth, answer] or "") for answer in names))
            for truth in names
            if any(verdict.truth == truth for verdict in verdicts)
        ],
    )


def _rates(verdicts: Sequence[Verdict]) -> Figure:
    rows = []
    for size in _SIZES:
        of_size = [verdict for verdict in verdicts if verdict.size == size]
        with_attribute = [verdict for verdict in of_size if verdict.goes_with is not None]
        rows.append(
            (
                str(size),
                _share([verdict.truth == verdict.answer for verdict in of_size]),
                _share([verdict.is_first for verdict in of_size]),
                _share([bool(verdict.goes_with) for verdict in with_attribute]),
            )
        )
    return Figure(
        title="Causes by size",
        explanation=(
            "The same by the number of conversations, and whether the first of what a finding goes with is "
            "the true one. Of few conversations it often cannot be: where one host of two fails six times, "
            "so would chance in one case of 64, and nothing is said."
        ),
        columns=("conversations", "cause and subject named", "first finding is true", "goes with"),
        rows=rows,
    )


def _share(right: Sequence[bool]) -> str:
    return f"{sum(right)} of {len(right)}"


def main() -> None:
    """Diagnose and print: ``python -m bench.confusion``."""
    for figure in measure(lambda sentence: print(sentence, file=sys.stderr, flush=True)):
        print(f"{figure.markdown()}\n")


if __name__ == "__main__":
    main()
