"""Checks lists: asks the host once for all of them, then checks each entry."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from autogen_otel.checks.ask import Answers, ask
from autogen_otel.checks.checked_entry import CheckedEntry
from autogen_otel.checks.entries import duplicate_problem, duplicates, entry_problems
from autogen_otel.checks.masking import Masking
from autogen_otel.checks.options import beside_problems
from autogen_otel.checks.report import ERROR, GUESSES, WARNING, EntryReport, ListReport, Problem
from autogen_otel.checks.source import ConfigList, is_entry, of_value
from autogen_otel.checks.timeouts import unset_timeout_note
from autogen_otel.checks.values import holds_own_objects, json_type_name
from autogen_otel.checks.verdicts import ProbeResult
from autogen_otel.vocabulary.verdicts import NOT_PROBED, WORKS

PROBE_SECONDS: Final = 15.0
"""How long each entry's endpoint may take by default."""


def check_config_list(
    config_list: Any, *, probe: bool = False, probe_seconds: float = PROBE_SECONDS
) -> ListReport:
    """Check a ``config_list`` before agents use it.

    The installed AutoGen is asked in a process of its own without a network, which takes some seconds.

    Args:
        config_list: a list of entries, an ``LLMConfig``, or an ``llm_config`` with a ``config_list`` in it.
        probe: send at most five small requests to each entry's endpoint.
        probe_seconds: how long each endpoint may take, in seconds.

    Returns:
        What is wrong, without anything secret.

    Raises:
        SourceError: it is no list of entries.
    """
    return examine([of_value(config_list)], probe_seconds if probe else None)[0]


def examine(
    sources: Sequence[ConfigList],
    probe_seconds: float | None = None,
    answers: Answers | None = None,
    authorities: str | None = None,
) -> list[ListReport]:
    """Check lists, and ask the host once for all of them.

    Args:
        sources: the lists.
        probe_seconds: how long each endpoint may take, in seconds; ``None`` asks no endpoint.
        answers: the host's answers, if it was asked already.
        authorities: the file or folder with the certificates that endpoints are trusted by; ``None`` for
            those of the environment.
    """
    environ = dict(os.environ)
    if answers is None:
        has_objects = any(source.objects for source in sources)
        answers = ask(sources, probe_seconds, authorities=authorities) if has_objects else Answers()
    lists = answers.lists or [[]] * len(sources)
    refusals = answers.refusals_of_objects or [None] * len(sources)
    reports = []
    for source, entry_answers, refusal in zip(sources, lists, refusals, strict=True):
        report = _list_report(source, entry_answers, answers, environ, probe_seconds is not None)
        if source.single_object:
            masking = Masking([source.entries, source.options], environ)
            report.problems.insert(0, _mask_problem(_no_list_problem(refusal, answers), masking))
        reports.append(report)
    return reports


def _list_report(
    source: ConfigList,
    entry_answers: Sequence[Mapping[str, Any]],
    answers: Answers,
    environ: Mapping[str, str],
    is_probed: bool,
) -> ListReport:
    masking = Masking([source.entries, source.options], environ)
    duplicate_of = duplicates(source.entries, environ)
    remaining_answers = iter(entry_answers)
    report = ListReport([], host=answers.host, host_problem=_mask_text(masking, answers.problem))
    list_problems: list[Problem] = []
    for index, entry in enumerate(source.entries):
        if not is_entry(entry):
            report.entries.append(EntryReport(index, problems=[_no_object_problem(entry)]))
            continue
        repeated_options = source.repeated_options[index] if source.repeated_options else ()
        checked = CheckedEntry(
            index,
            len(source.entries),
            entry,
            source.options,
            next(remaining_answers, None),
            environ,
            repeated_options,
        )
        entry_report = _entry_report(checked, masking, is_probed=is_probed)
        if index in duplicate_of:
            entry_report.problems.append(duplicate_problem(duplicate_of[index]))
        report.entries.append(entry_report)
        list_problems += beside_problems(checked)
    report.problems = [_mask_problem(problem, masking) for problem in dict.fromkeys(list_problems)]
    if not source.entries:
        report.problems.append(Problem("empty", ERROR, "the list has no entries; add one"))
    return report


def _entry_report(checked: CheckedEntry, masking: Masking, *, is_probed: bool) -> EntryReport:
    model = checked.value("model")
    problems = [_mask_problem(problem, masking) for problem in dict.fromkeys(entry_problems(checked))]
    report = EntryReport(
        checked.index,
        masking.text(model) if isinstance(model, str) else None,
        masking.text(checked.api_type) if checked.value("api_type") is not None else None,
        masking.text(checked.url.partition("?")[0]) if checked.url else None,
        problems,
        [masking.text(note) for note in _notes(checked)],
    )
    if is_probed:
        report.probe = masking.tree(_probe_result(checked))
        if report.probe["verdict"] == WORKS:
            report.problems = [problem for problem in problems if problem.kind not in GUESSES]
    return report


def _probe_result(checked: CheckedEntry) -> dict[str, Any]:
    """The endpoint's answer, or why it was not asked."""
    if checked.answer is None:
        return asdict(ProbeResult(NOT_PROBED, "AutoGen could not be asked to make its client"))
    probe: dict[str, Any] = checked.answer["probe"]
    return probe


def _notes(checked: CheckedEntry) -> Iterator[str]:
    """What could not be checked."""
    if checked.answer is None:
        return
    for refusal in checked.answer["refusals"]:
        if refusal["kind"] == "package":
            yield f"the host has no model client for it, so its options were not tried: {refusal['message']}"
    if checked.answer["is_custom"]:
        yield "its model client is the application's, so its options are its own"
    elif holds_own_objects(checked.entry):
        yield "it holds objects of the program, in whose place others were tried"
    timeout_note = unset_timeout_note(checked)
    if timeout_note is not None:
        yield timeout_note


def _no_list_problem(refusal: str | None, answers: Answers) -> Problem:
    if refusal is not None:
        message = f"is one object: agents of {answers.host} end with {refusal}; put it into [ ]"
        return Problem("not_a_list", ERROR, message)
    reception = (
        "and not every AutoGen takes that"
        if answers.host is None
        else f"which {answers.host} takes for a list"
    )
    return Problem(
        "not_a_list", WARNING, f"is one object, {reception}; put it into [ ], as AutoGen's functions want it"
    )


def _no_object_problem(entry: Any) -> Problem:
    if isinstance(entry, Mapping):
        message = "is an llm_config and no entry; put the entries of its config_list here"
        return Problem("not_an_object", ERROR, message)
    message = f"is {json_type_name(entry)} and no object; an entry is an object with a model"
    return Problem("not_an_object", ERROR, message)


def _mask_problem(problem: Problem, masking: Masking) -> Problem:
    return replace(
        problem,
        message=masking.text(problem.message),
        option=_mask_text(masking, problem.option),
        suggestion=_mask_text(masking, problem.suggestion),
    )


def _mask_text(masking: Masking, text: str | None) -> str | None:
    return None if text is None else masking.text(text)
