"""What a finding says to people: how its failures were seen, and what to do about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from autogen_otel.diagnosis.comparison.discriminators import Discriminator
from autogen_otel.diagnosis.comparison.properties import Comparison
from autogen_otel.diagnosis.evidence.features import GAP, HOUR, TIME
from autogen_otel.diagnosis.evidence.occurrence import Effect
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes

_QUOTA_STATUS: Final = 402
_OK: Final = 200
_UNAUTHORIZED: Final = frozenset({401, 403, 407})
_NOT_FOUND: Final = 404

_TOLD: Final = "swallowed by AutoGen; the model was told the error and the user saw what it made of that"
_SWALLOWED: Final = {
    causes.TOOL_EXCEPTION: _TOLD,
    causes.TOOL_ARGUMENTS: _TOLD,
    causes.CODE_EXECUTION: "swallowed by AutoGen; the model was told the exit code and tried again",
    causes.ORCHESTRATION: "no error to anybody; the conversation went on with another agent, or to its limit",
    causes.CALLBACK: "swallowed by AutoGen; the conversation went on without what the function was for",
}


def what_ended(subject: Mapping[str, Any]) -> str:
    """What a conversation ended with, by the subject of the failure that ended it."""
    if "exception" in subject:
        return str(subject["exception"])
    if "status_code" in subject:
        return f"an exception of the model client ({subject['status_code']})"
    return "an exception"


def visible_as(
    cause: str,
    subject: Mapping[str, Any],
    effects: Mapping[Effect, int],
    ended_later: Mapping[str, int] | None = None,
) -> str:
    """How the user of the program saw it.

    Args:
        cause: why.
        subject: of what.
        effects: how many conversations had which effect.
        ended_later: how many of those that ended did so only with a consequence of it, and with which.
    """
    later = ended_later or {}
    parts = []
    ended = effects.get(Effect.ENDED, 0) - sum(later.values())
    if ended > 0:
        parts.append(f"{_times(ended)} ended with {what_ended(subject)}")
    parts += [f"{_times(count)} went on and ended with {what}" for what, count in later.items()]
    if effects.get(Effect.SWALLOWED):
        words = _SWALLOWED.get(cause, "swallowed by AutoGen; the conversation went on without the answer")
        parts.append(f"{_times(effects[Effect.SWALLOWED])}: {words}")
    if effects.get(Effect.FELL_OVER):
        parts.append(
            f"{_times(effects[Effect.FELL_OVER])}: nothing, another entry of the config_list was asked"
        )
    if effects.get(Effect.RETRIED):
        parts.append(
            f"{_times(effects[Effect.RETRIED])}: nothing but a slower answer, the SDK tried again in silence"
        )
    return "; ".join(parts)


def _times(count: int) -> str:
    return f"{count:,} conversation" + ("" if count == 1 else "s")


def advice_for(cause: str, subject: Mapping[str, Any], found: Sequence[Discriminator]) -> str:
    """What to do about it."""
    advice = _ADVICE[cause](subject)
    hint = next(filter(None, map(_hint, found[:2])), "")
    return f"{advice} {hint}".strip()


def _hint(one: Discriminator) -> str:
    attribute, comparison = one.property.attribute, one.property.comparison
    if attribute in {TIME, HOUR}:
        return f"It goes with the time ({one.property.text}): look at what was deployed or ran then."
    if attribute == names.SERVER_ADDRESS:
        return f"Compare {one.property.text} with the other hosts: the model is not what differs."
    if attribute == GAP and comparison is Comparison.AT_LEAST:
        return "It follows a pause: connections that were idle are closed on the way; let them expire sooner."
    return ""


def _tool_exception(subject: Mapping[str, Any]) -> str:
    where = f" at {subject['location']}" if "location" in subject else ""
    return (
        f"Mend {subject.get('tool', 'the tool')}{where}; where only some values fail, check them first"
        " and return a sentence that the model can act on."
    )


def _tool_arguments(subject: Mapping[str, Any]) -> str:
    if subject.get("problem") == "unknown tool":
        return (
            f"The model calls {subject.get('tool')}, which the agent that executes does not have: register it"
            " for execution, or take it out of prompts and tools with similar names."
        )
    return (
        f"Say in the description of {subject.get('argument', 'the argument')} what"
        f" {subject.get('tool', 'the tool')} wants ({subject.get('problem', 'it does not fit')}), or"
        " let the tool take the type that the model sends."
    )


def _config_entry(subject: Mapping[str, Any]) -> str:
    entry, status = subject.get("entry", "?"), subject.get("status_code")
    reason = "it can never work"
    if status in _UNAUTHORIZED:
        reason = f"its key is refused ({status})"
    elif status == _NOT_FOUND:
        reason = f"model {subject.get('model', '?')} or its address does not exist (404)"
    return (
        f"Mend or remove entry {entry} of the config_list ({subject.get('model', '?')} at"
        f" {subject.get('host', '?')}): {reason}."
    )


def _prompt_too_large(subject: Mapping[str, Any]) -> str:
    limit = subject.get("limit_chars")
    below = f" below {limit:,} characters" if isinstance(limit, int) else ""
    return (
        f"Keep prompts{below}: limit what tools return (autogen.prompt.largest_message.from says"
        " which), clear or"
        " transform the history, or choose a model with a larger window."
    )


def _rate_limit(subject: Mapping[str, Any]) -> str:
    if subject.get("status_code") == _QUOTA_STATUS:
        return "The quota is used up: it needs a payment and no patience."
    return (
        f"Send fewer calls at once to {subject.get('host', 'the provider')}, raise max_retries, or"
        " add an entry of"
        " another provider; where the error says quota, it needs a payment."
    )


def _backend(subject: Mapping[str, Any]) -> str:
    host = subject.get("host", "the provider")
    if subject.get("status_code") == _OK:
        return (
            f"{host} answers 200 with something that is no completion: check base_url of entry"
            f" {subject.get('entry', '?')} and what stands between, as a proxy's page does this."
        )
    return (
        f"Give the operators of {host} the request ids (autogen.http.request_id of POST); a second entry"
        " on another host bridges it."
    )


def _timeout(subject: Mapping[str, Any]) -> str:
    if "tool" in subject:
        return (
            f"Calls time out after {subject['tool']} took long: make the tool faster, or give what"
            " waits for it"
            " more time."
        )
    return (
        "Compare autogen.request.timeout_seconds with how long calls that work take, and raise it or make"
        " prompts smaller."
    )


def _callback(subject: Mapping[str, Any]) -> str:
    where = f" at {subject['location']}" if "location" in subject else ""
    name = subject.get("function") or subject.get("callback") or "your function"
    return (
        f"Mend {name}{where}. A check of message['content'] has to expect None: that is what it is while the"
        " model asks for a tool."
    )


def _orchestration(subject: Mapping[str, Any]) -> str:
    agents = subject.get("agent", "the agents")
    if "tool" in subject:
        return (
            f"{agents} calls {subject['tool']} with the same arguments again and again: tell it in"
            " the tool's result"
            " what is missing, and end the conversation after the second time."
        )
    return (
        f"Look at {agents}: give agents names that do not contain each other, descriptions that differ, and a"
        " condition that ends what goes in circles."
    )


def _client(subject: Mapping[str, Any]) -> str:
    where = f" at {subject['location']}" if "location" in subject else ""
    return (
        f"Mend the custom client or the request{where}; the status message has the provider's words"
        " for what is"
        " wrong."
    )


_ADVICE: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    causes.TOOL_EXCEPTION: _tool_exception,
    causes.TOOL_ARGUMENTS: _tool_arguments,
    causes.CONFIG_ENTRY: _config_entry,
    causes.PROMPT_TOO_LARGE: _prompt_too_large,
    causes.RATE_LIMIT: _rate_limit,
    causes.CONTENT_FILTER: lambda _: (
        "Look at what is new in these prompts: tool results and web pages are the usual reason."
    ),
    causes.BACKEND: _backend,
    causes.TIMEOUT: _timeout,
    causes.STREAM_INTERRUPTED: lambda subject: (
        f"Look for a proxy before {subject.get('host', 'the provider')} with an idle limit below the"
        " time that the"
        " model thinks; turning the stream off for long answers avoids it."
    ),
    causes.STALE_STATE: lambda _: (
        "Begin with clear_history=True or with agents made anew for each request, or repair the"
        " history before it"
        " is used again."
    ),
    causes.CODE_EXECUTION: lambda subject: (
        f"The model mends most of its code itself; {subject.get('exception', 'what fails')} in every"
        " run points to a"
        " missing package or to Docker."
    ),
    causes.CALLBACK: _callback,
    causes.CLIENT: _client,
    causes.ORCHESTRATION: _orchestration,
    causes.UNKNOWN: lambda subject: (
        f"Look at the stack trace of {subject.get('exception', 'the exception')}: autogen-otel show has it."
    ),
}
