"""What a finding says, in words that the terminal and the page share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from autogen_otel.cli import quantities
from autogen_otel.cli.options import sources
from autogen_otel.diagnosis.comparison.discriminators import Discriminator
from autogen_otel.diagnosis.comparison.properties import Comparison
from autogen_otel.diagnosis.evidence.arguments import FORM
from autogen_otel.diagnosis.evidence.features import CONVERSATION_NUMBER, GAP, HOUR
from autogen_otel.diagnosis.findings import Evidence, Finding, Sampling
from autogen_otel.traces.source import Source
from autogen_otel.traces.sources.files import Files
from autogen_otel.traces.trace import NS
from autogen_otel.vocabulary import causes, code_failures

_OK: Final = 200
_TINY: Final = 1e-6
_PREFIX: Final = 12


def lines(
    finding: Finding, total: int, when: str, conditions: Iterable[str] = (), places: Iterable[str] = ()
) -> Iterator[tuple[str, str]]:
    """What there is to say of a finding below its title: labels and words; a label that is empty goes on.

    Args:
        finding: of which.
        total: of all conversations.
        when: from its first time until its last.
        conditions: what it goes with, each in a line, unless that is drawn.
        places: where to look at it.
    """
    share = finding.conversations / total if total else 0
    often = f"{finding.conversations:,} of {quantities.plural(total, 'conversation')} ({share:.1%})"
    if total == 1:
        often = quantities.plural(finding.occurrences, "time")
    elif finding.occurrences != finding.conversations:
        often += f", {finding.occurrences:,} times"
    if _is_loop(finding):
        often += f", {finding.attempts:,} repetitions"
    elif finding.attempts > finding.occurrences:
        often += f", {finding.attempts:,} attempts that failed"
    yield "how often", f"{often}; {ended(finding)}"
    if finding.message:
        yield "says", finding.message
    yield "when", when
    if finding.recovered or finding.lost_seconds >= 1:
        lost = quantities.duration(round(finding.lost_seconds * NS))
        yield "cost", f"{lost} lost in all"
    yield from zip(_once("goes with"), conditions, strict=False)
    # What sets calls of an entry that can never work apart is the entry, and that is told.
    if not finding.discriminators and finding.compared[0] > 1 and finding.cause != causes.CONFIG_ENTRY:
        failing, working = finding.compared
        found = f"nothing found that sets the {failing:,} that failed apart from {working:,} that worked"
        yield "goes with", found if working else "no call of this kind worked, so there is nothing to compare"
    symptoms = (f"{quantities.plural(times, 'time')} {what}" for what, times in finding.symptoms.items())
    yield from zip(_once("symptoms"), symptoms, strict=False)
    yield "seen as", finding.visible_as
    yield "do", finding.advice
    yield from zip(_once("look"), places, strict=False)


def ended(finding: Finding) -> str:
    """How many conversations ended because of it."""
    is_one = finding.conversations == 1
    if _is_loop(finding):
        return "it went on until its limit" if is_one else "all went on until their limit"
    if is_one:
        return ended_of_one(finding.ended)
    if finding.ended in {0, finding.conversations}:
        return ("all" if finding.ended else "none") + " ended because of it"
    return f"{finding.ended:,} ended because of it"


def ended_of_one(count: int) -> str:
    """Whether the one conversation that there is ended because of it."""
    return "it ended because of it" if count else "it did not end because of it"


def state(finding: Finding) -> str:
    """What is said beside the title of a finding that ended no conversation."""
    if _is_loop(finding):
        return "no error"
    return "recovered" if finding.recovered else "swallowed"


def _is_loop(finding: Finding) -> bool:
    """Whether it is about conversations that went in circles, in which nothing raised."""
    return finding.cause == causes.ORCHESTRATION and _goes_round(finding.subject)


def _goes_round(subject: Mapping[str, Any]) -> bool:
    return "tool" in subject or "problem" in subject or ", " in str(subject.get("agent", ""))


def places_to_look(source: Source, template: str | None, evidence: Evidence) -> Iterator[str]:
    """How to see a conversation of a source: the command, and where a browser shows it."""
    # What is searched finds a whole id at once, however old the trace is; files are read as a whole.
    digits = _PREFIX if isinstance(source, Files) else None
    yield sources.show_command(source, evidence.trace_id[:digits])
    url = sources.link(source, template, evidence.trace_id, evidence.span_id)
    if url is not None:
        yield url


def sampled(one: Sampling) -> str:
    """What was read, where that is not all."""

    def part(read: int, of: int, what: str) -> str:
        return f"all {of:,} {what}" if read == of else f"{read:,} of about {of:,} {what}"

    failing = part(one.failing_read, one.failing, "conversations in which something failed")
    working = part(one.working_read, one.working, "others")
    return f"read {failing} and {working}, chosen at random; what is counted below is extrapolated"


def _once(label: str) -> Iterator[str]:
    yield label
    while True:
        yield ""


def title(cause: str, subject: Mapping[str, Any]) -> str:
    """What failed, in a few words."""
    return _TITLES.get(cause, partial(_of_model, cause))(subject)


def _raises(who: object, subject: Any) -> str:
    where = f" at {subject['location']}" if "location" in subject else ""
    return f"{who} raises {subject.get('exception', 'an exception')}{where}"


def _of_tool(subject: Any) -> str:
    return _raises(subject.get("tool", "a tool"), subject)


def _of_arguments(subject: Any) -> str:
    tool, argument = subject.get("tool", "a tool"), subject.get("argument", "arguments")
    if argument == "arguments" and "problem" not in subject:
        return f"{tool} is called with arguments that do not fit"
    # Of a tool that nobody has, that is the argument.
    what = tool if tool == argument else f"{tool}, {argument}"
    return f"{what}: {subject.get('problem', 'do not fit')}"


def _of_model(cause: str, subject: Any) -> str:
    parts = [f"config_list[{subject['entry']}]"] if "entry" in subject else []
    parts += [str(subject[name]) for name in ("model",) if name in subject]
    if "host" in subject:
        parts.append(f"at {subject['host']}" if parts else str(subject["host"]))
    if "status_code" in subject:
        parts.append(f"answers {subject['status_code']}{_of_status(cause, subject)}")
    elif cause in _OF_NO_STATUS:
        parts.append(_OF_NO_STATUS[cause])
    if "limit_chars" in subject:
        parts.append(f"to prompts from {subject['limit_chars']:,} characters on")
    if cause == causes.STALE_STATE:
        parts.append("to prompts with messages of an earlier conversation")
    if "tool" in subject:
        parts.append(f"after {subject['tool']} took long")
    said = " ".join(parts)
    if "exception" in subject:
        return _raises(f"{said}," if "status_code" in subject else said or "a model call", subject)
    if "location" in subject:
        said = f"{said}, asked by {subject['location']}" if said else f"a request of {subject['location']}"
    return said or "a model call"


def _of_agent(subject: Any) -> str:
    agents = str(subject.get("agent", "an agent"))
    if "tool" in subject:
        return f"{agents} calls {subject['tool']} over and over"
    if "problem" in subject:
        return f"{agents}: {subject['problem']}"
    if _goes_round(subject):
        return f"{agents} hand over to each other again and again"
    return f"{agents}: choosing who speaks next fails"


def _of_status(cause: str, subject: Any) -> str:
    if subject["status_code"] != _OK:
        return ""
    return _OF_OK[cause] if cause in _OF_OK and "problem" not in subject else " with an error inside"


def _of_code(subject: Any) -> str:
    who, kind = subject.get("agent", "an agent"), str(subject.get("exception", "an exception"))
    code = f"code that {who} runs"
    if kind.startswith(code_failures.EXIT_CODE):
        return f"{code} ends with exit code {kind.removeprefix(code_failures.EXIT_CODE)}"
    return f"{code} {_OF_CODE.get(kind, f'raises {kind}')}"


def _of_function(subject: Any) -> str:
    named = (subject.get(key) for key in ("function", "callback", "agent"))
    return _raises(next(filter(None, named), "something"), subject)


_OF_CODE: Final = {
    code_failures.TIMEOUT: "takes longer than its executor allows",
    code_failures.UNKNOWN_LANGUAGE: "is in a language that its executor does not know",
}
_OF_OK: Final = {
    causes.BACKEND: " with something that is no completion",
    causes.CONTENT_FILTER: " with what a filter emptied or cut",
    causes.STREAM_INTERRUPTED: " and breaks off",
    causes.CLIENT: "",
    causes.TIMEOUT: "",
    causes.UNKNOWN: "",
}
"""What is wrong with an answer whose status says that all is well."""
_OF_NO_STATUS: Final = {
    causes.CONFIG_ENTRY: "cannot be asked",
    causes.BACKEND: "fails without an HTTP status",
    causes.TIMEOUT: "gives no answer in time",
    causes.STREAM_INTERRUPTED: "breaks off",
}
_TITLES: Final = {
    causes.TOOL_EXCEPTION: _of_tool,
    causes.TOOL_ARGUMENTS: _of_arguments,
    causes.ORCHESTRATION: _of_agent,
    causes.CALLBACK: _of_function,
    causes.CODE_EXECUTION: _of_code,
    causes.UNKNOWN: _of_function,
}
_GLOSSES: Final = {
    GAP: " (seconds since the call before)",
    HOUR: " (UTC)",
    CONVERSATION_NUMBER: " (how many conversations the process has had)",
}
"""What the names of derived attributes do not say by themselves."""
_SIGNS: Final = {
    Comparison.EQUALS: "= ",
    Comparison.INCLUDES: "includes ",
    Comparison.IS: "is ",
    Comparison.BEGINS: "begins with ",
    Comparison.ENDS: "ends with ",
}
_OF_FORMS: Final = " (9: digits, A and a: letters)"


def condition(one: Discriminator) -> str:
    """What failing calls have more often: ``region = EU``."""
    of = one.property
    is_form = of.comparison is Comparison.IS and of.text.startswith(FORM)
    gloss = _OF_FORMS if is_form else _GLOSSES.get(of.attribute, "")
    # Else nobody sees a blank at an end.
    text = of.text if of.text == of.text.strip() else f'"{of.text}"'
    return f"{of.attribute} {_SIGNS.get(of.comparison, '')}{text}{gloss}"


def shares(one: Discriminator) -> str:
    """How many of the failing and of the working calls have it, and how likely that is by chance."""
    table = one.table
    failing = f"{table.failing_share:.0%} of the failing calls ({table.failing:,} of {table.all_failing:,})"
    working = f"{_percent(table.working_share)} of the working ones"
    numbers = f"({table.working:,} of {table.all_working:,})"
    return f"{failing}, {working} {numbers}; {chance(one.probability)}"


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
