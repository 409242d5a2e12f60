"""The words of a finding, which the terminal and the page share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any, Final

from autogen_otel.cli import quantities
from autogen_otel.cli.options import sources
from autogen_otel.diagnosis.comparison.discriminators import SIGNIFICANT, Discriminator
from autogen_otel.diagnosis.comparison.properties import Comparison
from autogen_otel.diagnosis.comparison.statistics import Table, smallest
from autogen_otel.diagnosis.evidence.arguments import FORM
from autogen_otel.diagnosis.evidence.features import CONVERSATION_NUMBER, GAP, HOUR, MINUTE
from autogen_otel.diagnosis.evidence.loops import IN_CIRCLES, is_loop
from autogen_otel.diagnosis.evidence.population import Sampling
from autogen_otel.diagnosis.findings import Evidence, Finding, OddAnswers
from autogen_otel.traces.source import Source
from autogen_otel.traces.sources.files import Files
from autogen_otel.traces.trace import NS
from autogen_otel.vocabulary import causes, code_failures, responses

_OK: Final = 200
_TINY: Final = 1e-6
_PREFIX: Final = 12


def lines(
    finding: Finding, total: int, when: str, conditions: Iterable[str] = (), view_hints: Iterable[str] = ()
) -> Iterator[tuple[str, str]]:
    """The lines of a finding below its title: labels and words; an empty label continues the one above.

    Args:
        finding: the finding.
        total: the number of all conversations.
        when: from its first time until its last.
        conditions: what it goes with, one condition a line; none if a chart shows them.
        view_hints: how to see its conversations.
    """
    share = finding.conversations / total if total else 0
    frequency = f"{finding.conversations:,} of {quantities.plural(total, 'conversation')} ({share:.1%})"
    if total == 1:
        frequency = quantities.plural(finding.occurrences, "time")
    elif finding.occurrences != finding.conversations:
        frequency += f", {finding.occurrences:,} times"
    if _is_loop(finding):
        frequency += f", {finding.attempts:,} repetitions"
    elif finding.attempts > finding.occurrences:
        frequency += f", {finding.attempts:,} attempts that failed"
    yield "how often", f"{frequency}; {ending(finding)}"
    if finding.message:
        yield "says", finding.message
    yield "when", when
    if finding.has_recovered or finding.lost_seconds >= 1:
        duration = quantities.duration(round(finding.lost_seconds * NS))
        yield "cost", f"{duration} lost in all"
    yield from zip(_label_once("goes with"), chain(_rates(finding), conditions), strict=False)
    # What sets apart the calls of an entry that can never work is the entry, which the title names.
    may_work = finding.works_otherwise or finding.cause != causes.CONFIG_ENTRY
    if not (finding.discriminators or finding.rates) and finding.compared_calls[0] > 1 and may_work:
        yield "goes with", _no_difference(*finding.compared_calls)
    symptoms = (
        f"{quantities.plural(times, 'time')} {symptom}" for symptom, times in finding.symptoms.items()
    )
    yield from zip(_label_once("symptoms"), symptoms, strict=False)
    yield "seen as", finding.visible_as
    yield "do", finding.advice
    yield from zip(_label_once("look"), view_hints, strict=False)


_PLURALS: Final = {"entry": "entries", "model": "models"}


def _rates(finding: Finding) -> Iterator[str]:
    """How often calls of its entry or model fail, and those of the others."""
    if finding.rates:
        own, others = (
            f"{rate.of if len(rate.values) == 1 else _PLURALS[rate.of]} {', '.join(map(str, rate.values))}:"
            f" {rate.failed:,} of {rate.calls:,}"
            for rate in finding.rates
        )
        yield f"{own} calls fail; {others}"


def _no_difference(failing: int, working: int) -> str:
    """Why nothing is known that the failing calls go with."""
    if not working:
        return "no call of this kind worked, so there is nothing to compare"
    if smallest(Table(failing, failing, 0, working)) > SIGNIFICANT:
        # Not even what all failing calls have and no working one would be more than chance.
        return f"too few calls to tell: {failing:,} failed, {working:,} worked"
    return f"nothing found that sets the {failing:,} that failed apart from {working:,} that worked"


def ending(finding: Finding) -> str:
    """How many conversations ended because of it."""
    is_one = finding.conversations == 1
    if _is_loop(finding):
        return "it went on until its limit" if is_one else "all went on until their limit"
    if is_one:
        return ending_of_one(finding.ended_conversations)
    if finding.ended_conversations in {0, finding.conversations}:
        return ("all" if finding.ended_conversations else "none") + " ended because of it"
    return f"{finding.ended_conversations:,} ended because of it"


def ending_of_one(count: int) -> str:
    """Whether the only conversation ended because of it."""
    return "it ended because of it" if count else "it did not end because of it"


def state(finding: Finding) -> str:
    """The word beside the title of a finding that ended no conversation."""
    if _is_loop(finding):
        return "no error"
    return "recovered" if finding.has_recovered else "swallowed"


def _is_loop(finding: Finding) -> bool:
    """Whether its conversations went in circles, and nothing in them raised."""
    return finding.cause == causes.ORCHESTRATION and is_loop(finding.subject)


def view_hints(source: Source, template: str | None, evidence: Evidence) -> Iterator[str]:
    """How to see a conversation of a source: the command, and its URL in a browser."""
    # A store finds a whole id at once, however old the trace is; files are read as a whole.
    digits = _PREFIX if isinstance(source, Files) else None
    yield sources.show_command(source, evidence.trace_id[:digits])
    url = sources.link(source, template, evidence.trace_id, evidence.span_id)
    if url is not None:
        yield url


def sampling_note(sampling: Sampling) -> str:
    """What was read, if that is not everything."""

    def part(read_count: int, total: int, noun: str) -> str:
        return f"all {total:,} {noun}" if read_count == total else f"{read_count:,} of about {total:,} {noun}"

    failing = part(sampling.failing_read, sampling.failing, "conversations in which something failed")
    working = part(sampling.working_read, sampling.working, "others")
    return f"read {failing} and {working}, chosen at random; what is counted below is extrapolated"


def odd_answers_note(odd: OddAnswers, model: str) -> str:
    """What a model answered that AutoGen went on with; ``model`` is its name as text that fits."""
    answers = quantities.plural(odd.occurrences, "answer")
    conversations = quantities.plural(odd.conversations, "conversation")
    words = _ODD_ANSWERS.get(odd.problem, odd.problem)
    return f"{model} gave {answers} {words}, in {conversations}; AutoGen went on as with any other answer"


_ODD_ANSWERS: Final = {
    responses.CUT_AT_TOKEN_LIMIT: "cut at the token limit",
    responses.EMPTY: "without text or tool calls",
    responses.REFUSAL: "that refused",
}

_TOOL_WORDS: Final = {"tool": "after {} took long"}
_PART_WORDS: Final = {
    causes.CLIENT: {"agent": "to the name of agent {}", "tool": "to the definition of tool {}"}
}
_NO_INPUT: Final = "EOFError"


def _label_once(label: str) -> Iterator[str]:
    yield label
    while True:
        yield ""


def title(cause: str, subject: Mapping[str, Any]) -> str:
    """What failed, in a few words."""
    return _TITLES.get(cause, partial(_model_title, cause))(subject)


def _raises(raiser: object, subject: Any) -> str:
    location = f" at {subject['location']}" if "location" in subject else ""
    return f"{raiser} raises {subject.get('exception', 'an exception')}{location}"


def _tool_title(subject: Any) -> str:
    return _raises(subject.get("tool", "a tool"), subject)


def _arguments_title(subject: Any) -> str:
    tool, argument = subject.get("tool", "a tool"), subject.get("argument", "arguments")
    if argument == "arguments" and "problem" not in subject:
        return f"{tool} is called with arguments that do not fit"
    # For a tool that does not exist, the argument is the tool.
    label = tool if tool == argument else f"{tool}, {argument}"
    return f"{label}: {subject.get('problem', 'do not fit')}"


def _model_title(cause: str, subject: Any) -> str:
    parts = [f"config_list[{subject['entry']}]"] if "entry" in subject else []
    if "model" in subject:
        parts.append(str(subject["model"]))
    if "host" in subject:
        parts.append(f"at {subject['host']}" if parts else str(subject["host"]))
    if "status_code" in subject:
        parts.append(f"answers {subject['status_code']}{_status_words(cause, subject)}")
    elif cause in _NO_STATUS_WORDS:
        parts.append(_NO_STATUS_WORDS[cause])
    if "limit_chars" in subject:
        parts.append(f"to prompts from {subject['limit_chars']:,} characters on")
    if cause == causes.STALE_STATE:
        between = f" between {' and '.join(str(subject['agent']).split(', '))}" if "agent" in subject else ""
        parts.append(f"to prompts with messages of an earlier conversation{between}")
    parts += [
        words.format(subject[key])
        for key, words in _PART_WORDS.get(cause, _TOOL_WORDS).items()
        if key in subject
    ]
    words = " ".join(parts)
    if "exception" in subject:
        return _raises(f"{words}," if "status_code" in subject else words or "a model call", subject)
    if "location" in subject:
        words = f"{words}, asked by {subject['location']}" if words else f"a request of {subject['location']}"
    return words or "a model call"


def _agent_title(subject: Any) -> str:
    agents = str(subject.get("agent", "an agent"))
    if "tool" in subject:
        return f"{agents} calls {subject['tool']} over and over"
    if subject.get("exception") == _NO_INPUT:
        return f"{agents} asks for a human's input where there is no terminal"
    if subject.get("problem") == IN_CIRCLES:
        return f"{agents} {IN_CIRCLES}"
    if "problem" in subject:
        return f"{agents}: {subject['problem']}"
    return f"{agents}: choosing who speaks next fails"


def _status_words(cause: str, subject: Any) -> str:
    if subject["status_code"] != _OK:
        return ""
    return _OK_WORDS[cause] if cause in _OK_WORDS and "problem" not in subject else " with an error inside"


def _code_title(subject: Any) -> str:
    agent, kind = subject.get("agent", "an agent"), str(subject.get("exception", "an exception"))
    code = f"code that {agent} runs"
    if kind.startswith(code_failures.EXIT_CODE):
        return f"{code} ends with exit code {kind.removeprefix(code_failures.EXIT_CODE)}"
    return f"{code} {_CODE_WORDS.get(kind, f'raises {kind}')}"


def _function_title(subject: Any) -> str:
    names = (subject.get(key) for key in ("function", "callback", "agent"))
    return _raises(next(filter(None, names), "something"), subject)


_CODE_WORDS: Final = {
    code_failures.TIMEOUT: "takes longer than its executor allows",
    code_failures.UNKNOWN_LANGUAGE: "is in a language that its executor does not know",
}
_OK_WORDS: Final = {
    causes.BACKEND: " with something that is no completion",
    causes.CONTENT_FILTER: " with what a filter emptied or cut",
    causes.STREAM_INTERRUPTED: " and breaks off",
    # The answer may have been well, as with a price that cannot be calculated with.
    causes.CONFIG_ENTRY: " but cannot be used",
    # Many conversations showed these: what was wrong with each answer is not known.
    causes.PROMPT_TOO_LARGE: " without a completion",
    causes.STALE_STATE: " without a completion",
    causes.CLIENT: "",
    causes.TIMEOUT: "",
    causes.UNKNOWN: "",
}
"""What is wrong with an answer whose status says that all is well."""
_NO_STATUS_WORDS: Final = {
    causes.CONFIG_ENTRY: "cannot be asked",
    causes.BACKEND: "fails without an HTTP status",
    causes.TIMEOUT: "gives no answer in time",
    causes.STREAM_INTERRUPTED: "breaks off",
}
_TITLES: Final = {
    causes.TOOL_EXCEPTION: _tool_title,
    causes.TOOL_ARGUMENTS: _arguments_title,
    causes.ORCHESTRATION: _agent_title,
    causes.CALLBACK: _function_title,
    causes.CODE_EXECUTION: _code_title,
    causes.UNKNOWN: _function_title,
}
_GLOSSES: Final = {
    GAP: " (seconds since the call before)",
    HOUR: " (UTC)",
    MINUTE: " (of each hour)",
    CONVERSATION_NUMBER: " (how many conversations the process has had)",
}
"""Explanations of derived attributes whose names do not explain themselves."""
_SIGNS: Final = {
    Comparison.EQUALS: "= ",
    Comparison.INCLUDES: "includes ",
    Comparison.IS: "is ",
    Comparison.BEGINS: "begins with ",
    Comparison.ENDS: "ends with ",
}
_FORM_GLOSS: Final = " (9: digits, A and a: letters)"


def condition(discriminator: Discriminator) -> str:
    """What failing calls have more often than working ones: ``region = EU``."""
    property_ = discriminator.property
    is_form = property_.comparison is Comparison.IS and property_.text.startswith(FORM)
    gloss = _FORM_GLOSS if is_form else _GLOSSES.get(property_.attribute, "")
    # Without quotes nobody would see a blank at the beginning or the end.
    text = property_.text if property_.text == property_.text.strip() else f'"{property_.text}"'
    return f"{property_.attribute} {_SIGNS.get(property_.comparison, '')}{text}{gloss}"


def shares(discriminator: Discriminator) -> str:
    """How many of the failing and of the working calls have it, and how likely that is by chance."""
    table = discriminator.table
    failing = f"{table.failing_share:.0%} of the failing calls ({table.failing:,} of {table.all_failing:,})"
    working = f"{_percent(table.working_share)} of the working ones"
    numbers = f"({table.working:,} of {table.all_working:,})"
    return f"{failing}, {working} {numbers}; {chance(discriminator.probability)}"


def chance(probability: float) -> str:
    """``p = 0.003``."""
    return "p < 1e-6" if probability < _TINY else f"p = {probability:.2g}"


def share_of(count: int, total: int) -> str:
    """``28 of 130 (21.5%)``."""
    return f"{count:,} of {total:,}" + (f" ({count / total:.1%})" if total else "")


def _percent(share: float) -> str:
    return f"{share:.0%}" if share in {0, 1} or 0.01 <= share <= 0.99 else f"{share:.1%}"  # noqa: PLR2004


def span_of_time(first_ns: int, last_ns: int) -> str:
    """From when until when, in the reader's time zone."""
    first, last = quantities.local_time(first_ns), quantities.local_time(last_ns)
    if first == last:
        return first
    day = len("2026-11-22 ")
    return f"{first} to {last[day:] if first[:day] == last[:day] else last}"
