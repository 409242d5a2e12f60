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

_PLACES: Final = frozenset(
    {"service.instance.id", "host.name", "k8s.pod.name", "k8s.node.name", "service.version"}
)
"""What tells one running copy of the program from another."""

_TOLD: Final = "swallowed by AutoGen; only the model was told, and the user saw what it answered to that"
_SWALLOWED: Final = {
    causes.TOOL_EXCEPTION: _TOLD,
    causes.TOOL_ARGUMENTS: _TOLD,
    causes.CODE_EXECUTION: "swallowed by AutoGen; only the model was told, and could write the code again",
    causes.CONTENT_FILTER: "nobody saw an error; it went on without the answer, or with what was left of it",
    causes.ORCHESTRATION: "nobody saw an error; it went on with another agent, or to its limit",
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
            f"{_times(effects[Effect.FELL_OVER])}: another entry of the config_list was asked instead"
        )
    if effects.get(Effect.RETRIED):
        parts.append(
            f"{_times(effects[Effect.RETRIED])}: only a slower answer; the SDK tried again in silence"
        )
    return "; ".join(parts)


def _times(count: int) -> str:
    return f"{count:,} conversation" + ("" if count == 1 else "s")


def advice_for(cause: str, subject: Mapping[str, Any], found: Sequence[Discriminator]) -> str:
    """What to do about it."""
    # Who wrote the file may have called it anything.
    advice = _ADVICE.get(cause, _ADVICE[causes.UNKNOWN])(subject)
    hint = next(filter(None, map(_hint, found[:2])), "")
    return f"{advice} {hint}".strip()


def _hint(one: Discriminator) -> str:
    attribute, comparison = one.property.attribute, one.property.comparison
    if attribute in {TIME, HOUR}:
        return f"It happens at a certain time ({one.property.text}): look at what was deployed or ran then."
    is_value = comparison is Comparison.EQUALS
    if attribute == names.SERVER_ADDRESS and is_value:
        return f"Other hosts answer: compare {one.property.text} with them."
    if attribute in _PLACES and is_value:
        return f"It fails where {attribute} is {one.property.text}: look at what is different there."
    if attribute == GAP and comparison is Comparison.AT_LEAST:
        return "It follows a pause: something on the way closes idle connections; close them sooner."
    return ""


def _tool_exception(subject: Mapping[str, Any]) -> str:
    where = f" at {subject['location']}" if "location" in subject else ""
    return (
        f"Fix {subject.get('tool', 'the tool')}{where}. If only some values fail, check for them first"
        " and return a message that the model can act on."
    )


def _tool_arguments(subject: Mapping[str, Any]) -> str:
    if subject.get("problem") == "unknown tool":
        return (
            f"The model calls {subject.get('tool')}, which the agent that executes does not have: register it"
            " for execution, or stop naming it in prompts."
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
    at = f" at {subject['host']}" if "host" in subject else ""
    return f"Fix or remove entry {entry} of the config_list ({subject.get('model', '?')}{at}): {reason}."


def _prompt_too_large(subject: Mapping[str, Any]) -> str:
    limit = subject.get("limit_chars")
    below = f" below {limit:,} characters" if isinstance(limit, int) else ""
    return (
        f"Keep prompts{below}: limit what tools return (autogen.prompt.largest_message.from names the"
        " largest), shorten the history, or choose a model with a larger window."
    )


def _content_filter(subject: Mapping[str, Any]) -> str:
    if subject.get("status_code") == _OK:
        return (
            "Look at what these prompts ask for and at the levels of the provider's filter; the program has"
            " to check the finish reason before it uses an answer."
        )
    return "Look at what is new in these prompts: mostly it is a tool's result or a web page."


def _rate_limit(subject: Mapping[str, Any]) -> str:
    if subject.get("status_code") == _QUOTA_STATUS:
        return "The quota is used up: raise it or pay; waiting does not help."
    return (
        f"Send fewer calls at once to {subject.get('host', 'the provider')}, raise max_retries, or add an"
        " entry of another provider. If the error says quota, raise it or pay: waiting does not help."
    )


def _backend(subject: Mapping[str, Any]) -> str:
    host = subject.get("host", "the provider")
    if subject.get("status_code") == _OK:
        return (
            f"{host} answers 200 with something that is no completion, such as a proxy's page: check base_url"
            f" of entry {subject.get('entry', '?')}, and what stands between."
        )
    if "status_code" not in subject:
        return (
            "There was no HTTP status, as when a connection breaks before the answer: look at what stands"
            f" between the program and {host} (proxy, load balancer, DNS). A second entry on another host"
            " keeps conversations going."
        )
    return (
        f"Send the operators of {host} the request ids (autogen.http.request_id of the POST spans). A second"
        " entry on another host keeps conversations going."
    )


def _timeout(subject: Mapping[str, Any]) -> str:
    if "tool" in subject:
        return (
            f"Calls time out after {subject['tool']} took long: make the tool faster, or give what waits for"
            " it more time."
        )
    return (
        "Compare autogen.request.timeout_seconds with how long working calls take; raise it, or make prompts"
        " smaller."
    )


def _callback(subject: Mapping[str, Any]) -> str:
    where = f" at {subject['location']}" if "location" in subject else ""
    name = subject.get("function") or subject.get("callback") or "your function"
    return (
        f"Fix {name}{where}. If it reads message['content'], expect None: messages that call a tool have no"
        " text."
    )


def _orchestration(subject: Mapping[str, Any]) -> str:
    agents = subject.get("agent", "the agents")
    if "tool" in subject:
        return (
            f"{agents} calls {subject['tool']} with the same arguments again and again: say in the tool's"
            " result what is missing, and end the conversation when a call repeats."
        )
    return (
        f"Look at {agents}: no agent's name may be part of another's, descriptions have to differ, and a"
        " condition has to end what goes in circles."
    )


def _client(subject: Mapping[str, Any]) -> str:
    where = f" at {subject['location']}" if "location" in subject else ""
    return f"Fix the custom client or the request{where}; the span's status message says what was wrong."


_ADVICE: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    causes.TOOL_EXCEPTION: _tool_exception,
    causes.TOOL_ARGUMENTS: _tool_arguments,
    causes.CONFIG_ENTRY: _config_entry,
    causes.PROMPT_TOO_LARGE: _prompt_too_large,
    causes.RATE_LIMIT: _rate_limit,
    causes.CONTENT_FILTER: _content_filter,
    causes.BACKEND: _backend,
    causes.TIMEOUT: _timeout,
    causes.STREAM_INTERRUPTED: lambda subject: (
        f"Look for a proxy before {subject.get('host', 'the provider')} whose idle limit is shorter than the"
        " model's pauses; without streaming it does not matter."
    ),
    causes.STALE_STATE: lambda _: (
        "Begin with clear_history=True or with new agents for each request, or repair the history before it"
        " is used again."
    ),
    causes.CODE_EXECUTION: lambda subject: (
        f"The model corrects most of its code itself. If {subject.get('exception', 'it')} comes back in every"
        " run, look for a missing package, or at Docker."
    ),
    causes.CALLBACK: _callback,
    causes.CLIENT: _client,
    causes.ORCHESTRATION: _orchestration,
    causes.UNKNOWN: lambda subject: (
        f"Look at the stack trace of {subject.get('exception', 'the exception')}: autogen-otel show has it."
    ),
}
