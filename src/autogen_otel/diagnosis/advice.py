"""The sentences of a finding: how users saw its failures, and what to do about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from autogen_otel.diagnosis.comparison.discriminators import Discriminator
from autogen_otel.diagnosis.comparison.properties import Comparison
from autogen_otel.diagnosis.entries import NEVER_ANSWERED
from autogen_otel.diagnosis.evidence.features import GAP, HOUR, MINUTE, PREVIOUS_TOOL, TIME, TOOLS_USED
from autogen_otel.diagnosis.evidence.loops import ALIKE_ANSWERS, CHOSEN_AGAIN, EMPTY_ANSWERS, IN_CIRCLES
from autogen_otel.diagnosis.evidence.occurrence import Effect
from autogen_otel.diagnosis.evidence.subjects import (
    CUT_AT_LIMIT,
    ERROR_INSIDE,
    INVENTED_TOOL,
    TOOL_OF_CACHE,
    UNKNOWN_TOOL,
    is_no_object,
)
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes, code_failures

WORKS_OTHERWISE: Final = "works_otherwise"
"""The detail that most calls of the entry work."""
_QUOTA_STATUS: Final = 402
_OK: Final = 200
_SELECTION_FAILED: Final = "speaker_selection_failed"
"""Instead of an exception: a model had to choose the next speaker, and named nobody or several."""
_NONE_ERRORS: Final = frozenset({"TypeError", "AttributeError"})
"""Exceptions of a function that takes ``None`` for a text."""
_NO_INPUT: Final = "EOFError"
"""What ``input()`` raises in a process without a terminal."""
_CANNOT_BE_SENT: Final = "UnicodeEncodeError"
_MISSING: Final = frozenset({"ImportError", "ModuleNotFoundError", "exit_code_127"})
"""How code fails that needs a package, or a command that the shell does not find."""

_INSTANCE_ATTRIBUTES: Final = frozenset(
    {"service.instance.id", "host.name", "k8s.pod.name", "k8s.node.name", "process.pid", "service.version"}
)
"""Attributes that differ between instances of the program."""

_EARLIER_TOOLS: Final = frozenset({PREVIOUS_TOOL, TOOLS_USED})
_CLEAR_EFFECT: Final = 0.8
"""Most calls follow some tool, so that a smaller difference says little."""

_ONLY_MODEL_KNOWS: Final = (
    "swallowed by AutoGen; only the model was told, and the user saw what it answered to that"
)
_IF_SWALLOWED: Final = {
    causes.TOOL_EXCEPTION: _ONLY_MODEL_KNOWS,
    causes.TOOL_ARGUMENTS: _ONLY_MODEL_KNOWS,
    causes.CODE_EXECUTION: "swallowed by AutoGen; only the model was told, and could write the code again",
    causes.CONTENT_FILTER: "nobody saw an error; it went on without the answer, or with what was left of it",
    causes.ORCHESTRATION: "nobody saw an error; it went on with another agent, or to its limit",
    causes.CALLBACK: "swallowed by AutoGen; the conversation went on without what the function was for",
}


def what_ended(subject: Mapping[str, Any]) -> str:
    """What ended a conversation, by the subject of the failure that ended it."""
    if "exception" in subject:
        return str(subject["exception"])
    status = subject.get("status_code")
    if status is not None and status != _OK:
        return f"an exception of the model client ({status})"
    return "an exception of the model client" if "model" in subject else "an exception"


def visible_as(
    cause: str,
    subject: Mapping[str, Any],
    effects: Mapping[Effect, int],
    ended_later: Mapping[str, int] | None = None,
) -> str:
    """How the user of the program saw it.

    Args:
        cause: why it failed.
        subject: what failed.
        effects: how many conversations had each effect.
        ended_later: how many conversations ended only with a consequence of it, by that consequence.
    """
    ended_later_counts = ended_later or {}
    parts = []
    ended = effects.get(Effect.ENDED, 0) - sum(ended_later_counts.values())
    if ended > 0:
        parts.append(f"{_times(ended)} ended with {what_ended(subject)}")
    parts += [
        f"{_times(count)} went on and ended with {consequence}"
        for consequence, count in ended_later_counts.items()
    ]
    words_by_effect = {
        Effect.SWALLOWED: _IF_SWALLOWED.get(
            cause, "nobody saw an error; the conversation went on without the answer"
        ),
        Effect.FELL_OVER: "another entry of the config_list was asked instead",
        Effect.RETRIED: "only a slower answer; the SDK tried again in silence",
    }
    parts += [
        f"{_times(effects[effect])}: {words}"
        for effect, words in words_by_effect.items()
        if effects.get(effect)
    ]
    return "; ".join(parts)


def _times(count: int) -> str:
    return f"{count:,} conversation" + ("" if count == 1 else "s")


def advice_for(
    cause: str,
    subject: Mapping[str, Any],
    detail: Mapping[str, Any],
    discriminators: Sequence[Discriminator] = (),
) -> str:
    """What to do about failures.

    Args:
        cause: their cause.
        subject: their subject.
        detail: what else separates them from others of the subject.
        discriminators: what they go with.
    """
    # Another program may have written the traces, with causes of its own.
    advice = _ADVICE.get(cause, _unknown)
    if cause in _OF_HUMAN_INPUT and subject.get("exception") == _NO_INPUT:
        advice = _NO_TERMINAL
    details = {**detail, **subject}
    words = {
        **_DEFAULT_WORDS,
        **details,
        "where": f" at {subject['location']}" if "location" in subject else "",
        "callee": subject.get("function") or subject.get("callback") or "your function",
    }
    sentences = (advice if isinstance(advice, str) else advice(details)).format_map(words)
    if sentences.startswith(tuple(_DEFAULT_WORDS.values())):
        sentences = sentences[0].upper() + sentences[1:]
    hints = (hint for one in discriminators[:2] for hint in _hints(one, cause, subject))
    return f"{sentences} {next(hints, '')}".strip()


def _hints(discriminator: Discriminator, cause: str, subject: Mapping[str, Any]) -> Iterator[str]:
    """What a discriminator adds to the advice; most add nothing."""
    attribute, comparison = discriminator.property.attribute, discriminator.property.comparison
    text = discriminator.property.text
    is_value = comparison is Comparison.EQUALS
    is_one_of = comparison is Comparison.INCLUDES or is_value
    has_little = comparison in {Comparison.ABSENT, Comparison.AT_MOST}
    if attribute in {TIME, HOUR, MINUTE}:
        moment = _time_words(discriminator)
        yield f"It happens at a certain time ({moment}): look at what was deployed or ran then."
    if attribute == names.SERVER_ADDRESS and is_value:
        yield f"Other hosts answer: compare {text} with them."
    if attribute in _INSTANCE_ATTRIBUTES and is_value:
        yield f"It fails where {attribute} is {text}: look at what is different there."
    if attribute == GAP and comparison is Comparison.AT_LEAST:
        yield "It follows a pause: something on the way closes idle connections; close them sooner."
    # The title of a finding says its own model.
    if attribute == names.GEN_AI_REQUEST_MODEL and is_value and text != subject.get("model"):
        yield f"It goes with the model {text}: compare it with the others."
    if attribute in _EARLIER_TOOLS and is_one_of and discriminator.table.effect >= _CLEAR_EFFECT:
        yield f"It follows calls of {text}: look at what those return or change."
    is_of_history = cause in {causes.STALE_STATE, causes.ORCHESTRATION}
    if attribute == names.PROMPT_CARRIED_MESSAGES and not (is_of_history or has_little):
        yield (
            "It goes with messages that an earlier conversation left: begin with clear_history=True, or with"
            " new agents."
        )


def _time_words(discriminator: Discriminator) -> str:
    text, comparison = discriminator.property.text, discriminator.property.comparison
    if discriminator.property.attribute == HOUR:
        return f"hour {text}, UTC"
    if discriminator.property.attribute == MINUTE:
        return f"minute {text} of each hour"
    return f"{_TIME_WORDS[comparison]} {text.partition(' ')[2]}" if comparison in _TIME_WORDS else text


_TIME_WORDS: Final = {Comparison.AT_LEAST: "since", Comparison.AT_MOST: "until"}


def _tool_exception(subject: Mapping[str, Any]) -> str:
    if subject.get("exception") == _CANNOT_BE_SENT and "location" not in subject:
        return (
            "What {tool} returned has half of a surrogate pair, as a cut emoji or a file name may, and"
            " no request can carry it: return text.encode(errors='replace').decode()."
        )
    if "location" not in subject:
        return (
            "None of the program's own lines is in the stack trace: look at what {tool} is given, and at what"
            " it returns, which has to be text or something that JSON can hold."
        )
    return (
        "Fix {tool}{where}. If only some values fail, check for them first and return a message that the"
        " model can act on."
    )


def _tool_arguments(subject: Mapping[str, Any]) -> str:
    advice = _ADVICE_BY_PROBLEM.get(str(subject.get("problem")))
    if advice is not None:
        return advice
    if is_no_object(subject):
        return (
            "The model writes arguments of {tool} that are no JSON object: let it take fewer and simpler"
            " arguments, or choose a model that is better at calling tools."
        )
    if "argument" not in subject:
        return (
            "Say in the description of {tool} what its arguments have to be (the error names the one that"
            " does not fit), or let the tool take what the model sends."
        )
    return (
        "Say in the description of {argument} what {tool} wants ({problem}), or let the tool take what the"
        " model sends."
    )


_ADVICE_BY_PROBLEM: Final = {
    CUT_AT_LIMIT: (
        "The model's answers reach their token limit within the arguments of {tool}: raise max_tokens, or"
        " let {tool} take less text at once."
    ),
    TOOL_OF_CACHE: (
        "The cache answers with a call of {tool} from a time when there was such a tool: clear the cache,"
        " or change cache_seed whenever tools change."
    ),
    INVENTED_TOOL: (
        "The model made {tool} up: it was offered other tools. Look for that name in prompts and in what"
        " tools return; give tools plain names, or choose a model that is better at calling them."
    ),
    UNKNOWN_TOOL: (
        "The model calls {tool}, which the agent that executes does not have: register it for execution,"
        " or stop naming it in prompts."
    ),
}


def _config_entry(subject: Mapping[str, Any]) -> str:
    status = subject.get("status_code")
    at = " at {host}" if "host" in subject else ""
    entry = f"entry {{entry}} of the config_list ({{model}}{at})"
    if subject.get(WORKS_OTHERWISE):
        return f"Most calls of {entry} work, so {_WRONG_AT_TIMES.get(status, _SOMETHING_WRONG_AT_TIMES)}"
    usual = "it did not answer once, while others did" if subject.get(NEVER_ANSWERED) else "it can never work"
    return f"Fix or remove {entry}: {_WRONG_FOR_GOOD.get(status, usual)}."


_KEY_REFUSED: Final = "its key is refused ({status_code})"
_WRONG_FOR_GOOD: Final[Mapping[object, str]] = {
    401: _KEY_REFUSED,
    403: "it is refused (403), as by a key that lacks a permission, a firewall or a proxy",
    404: "model {model} or its address does not exist (404)",
    407: _KEY_REFUSED,
}
_KEY_REFUSED_AT_TIMES: Final = (
    "its key is refused ({status_code}) at times or since lately. If it still is, fix the key; else look"
    " whether keys rotate or expire while a client still has the old one, and whether a gateway has a backend"
    " that does not know the key."
)
_WRONG_AT_TIMES: Final[Mapping[object, str]] = {
    401: _KEY_REFUSED_AT_TIMES,
    403: (
        "it is refused (403) at times or since lately. If it still is, look at the permissions of the key;"
        " else for a quota of the key, for a firewall or proxy that lets only some requests pass, and for a"
        " backend behind a gateway with other permissions."
    ),
    404: (
        "model {model} is not there (404) at times or since lately. If it still is not, it was removed or"
        " renamed; else look whether a gateway has a backend that lacks it, and whether the deployment is"
        " replaced now and then."
    ),
    407: _KEY_REFUSED_AT_TIMES,
}
_SOMETHING_WRONG_AT_TIMES: Final = (
    "nothing is wrong with it for good: compare a call that failed with one that worked. If its name does not"
    " resolve or its certificate does not fit only at times, it is the network's, or that of one of several"
    " servers."
)


def _prompt_too_large(subject: Mapping[str, Any]) -> str:
    limit = subject.get("limit_chars")
    below = f" below {limit:,} characters" if isinstance(limit, int) else ""
    if "tool" in subject:
        return (
            f"Keep prompts{below}: the largest message is what {{tool}} returned, so limit that, or choose a"
            " model with a larger window."
        )
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
    if subject.get("status_code") == _QUOTA_STATUS or subject.get("quota") is True:
        if subject.get(WORKS_OTHERWISE):
            return (
                "Most calls work, so the quota is used up at times or since lately, or it is that of one of"
                " several keys: find out whose it is and when it begins anew, and raise it or spread the"
                " calls."
            )
        return "The quota is used up: raise it or pay; waiting does not help."
    return "Send fewer calls at once to {host}, raise max_retries, or add an entry of another provider."


def _backend(subject: Mapping[str, Any]) -> str:
    if subject.get("status_code") == _OK and subject.get("problem") != ERROR_INSIDE:
        if subject.get(WORKS_OTHERWISE):
            return (
                "{host} now and then answers 200 with something that is no completion, such as a proxy's page"
                " or an answer that was cut off. Most calls of entry {entry} work, so base_url is right: look"
                " at what stands between."
            )
        return (
            "{host} answers 200 with something that is no completion, such as a proxy's page or an answer"
            " that was cut off: check base_url of entry {entry}, and what stands between."
        )
    if "status_code" not in subject:
        return (
            "There was no HTTP status, as when a connection breaks before the answer: look at what stands"
            " between the program and {host} (proxy, load balancer, DNS). A second entry on another host"
            " keeps conversations going."
        )
    ids = "Send the operators of {host} the request ids (autogen.http.request_id)."
    # A request of the program's own client has no entries.
    return f"{ids} A second entry on another host keeps conversations going." if "model" in subject else ids


def _timeout(subject: Mapping[str, Any]) -> str:
    if "tool" in subject:
        return (
            "Calls time out after {tool} took long: make the tool faster, or give what waits for it more"
            " time."
        )
    if "status_code" in subject:
        return (
            "It was {host}, or a gateway before it, that gave up waiting ({status_code}): raise the limit"
            " there, stream the answers, or make prompts smaller."
        )
    return (
        "Compare autogen.request.timeout_seconds with how long working calls take; raise it, or make prompts"
        " smaller."
    )


def _code_execution(subject: Mapping[str, Any]) -> str:
    kind = str(subject.get("exception"))
    if kind in _MISSING:
        return "Install what is missing where the code runs, or tell the model what is there."
    if kind == code_failures.TIMEOUT:
        return "Raise the executor's timeout, or tell the model to do less in one block."
    if kind == code_failures.UNKNOWN_LANGUAGE:
        return "Tell the model which languages the executor can run."
    return (
        "The model corrects most of its code itself. If the same comes back again and again, look at what the"
        " code printed (autogen.code.output of the execute_code spans), and at what it finds where it runs."
    )


def _callback(subject: Mapping[str, Any]) -> str:
    if "callback" not in subject:
        return (
            "Give the context the variable that the template of {agent} names (UpdateSystemMessage, or a"
            " message with allow_format_str_template)."
        )
    if subject.get("exception") not in _NONE_ERRORS:
        return "Fix {callee}{where}: AutoGen calls it, and passes on what it raises."
    return (
        "Fix {callee}{where}. If it reads message['content'], expect None: messages that call a tool have no"
        " text."
    )


def _orchestration(subject: Mapping[str, Any]) -> str:
    if subject.get("exception", _SELECTION_FAILED) != _SELECTION_FAILED:
        return (
            "Look at what chooses who speaks after {agent}: a function has to return an agent of the group,"
            " the name of a method that AutoGen knows, or None to end it; transitions have to leave somebody,"
            " and conditions may name only variables that the context has."
        )
    if "tool" in subject:
        return (
            "{agent} calls {tool} with the same arguments again and again: say in the tool's result what is"
            " missing, and end the conversation when a call repeats."
        )
    advice = _ADVICE_BY_LOOP.get(str(subject.get("problem")))
    if advice is not None:
        return advice
    return (
        "Look at what the model that chooses after {agent} is told: no agent's name may be part of another's,"
        " descriptions have to differ, and autogen.handoff.candidates of the handoff says who was to choose"
        " from."
    )


_ADVICE_BY_LOOP: Final = {
    ALIKE_ANSWERS: (
        "Read the last answers of {agent}: their lengths repeat, as when a model repeats itself. If it does,"
        " tell it the word that is_termination_msg waits for."
    ),
    EMPTY_ANSWERS: (
        "Look at what the model of {agent} is given, and at its settings: some models say nothing where the"
        " last message is their own, where max_tokens is too small for their reasoning, or where a local"
        " server's template does not fit. Let the program end such a conversation before its limit."
    ),
    CHOSEN_AGAIN: (
        "Look at what the model that chooses after {agent} is told: with allow_repeat_speaker=False nobody"
        " speaks twice in a row, and a condition has to end the conversation."
    ),
    IN_CIRCLES: (
        "Look at how {agent} end: a condition has to end what goes in circles, such as a word that one of"
        " them is told to say."
    ),
}


def _client(subject: Mapping[str, Any]) -> str:
    status = subject.get("status_code")
    if status is None:
        what = "the custom client {client}" if subject.get("client") else "the request, or what makes it"
        return f"Fix {what}{{where}}; the error says what is wrong."
    if status == _OK:
        return (
            "{host} answered, and what handles the answer failed{where}: your client or hook, or AutoGen"
            " itself, some versions of which count the tokens of streams with a table that tiktoken downloads"
            " (without internet, set TIKTOKEN_CACHE_DIR). The error says which."
        )
    if "agent" in subject:
        return (
            "{host} refuses the name of agent {agent} ({status_code}), which AutoGen sends as `name` of each"
            " message: give the agent a name of letters, digits, - and _. If the provider knows no `name` at"
            " all, use AG2's client for it (api_type), or take the key out in a hook."
        )
    if "tool" in subject:
        return (
            "{host} refuses the definition of tool {tool} ({status_code}), and its message says why: mend the"
            " tool's name, or the annotations that AutoGen makes its schema of."
        )
    return (
        "{host} refuses these requests as they are ({status_code}), and its message says why: compare their"
        " messages, tools and options with those of requests that work."
    )


def _unknown(_subject: Mapping[str, Any]) -> str:
    return "Look at the stack trace of {exception}: autogen-otel show has it."


_OF_HUMAN_INPUT: Final = frozenset({causes.ORCHESTRATION, causes.UNKNOWN})
_NO_TERMINAL: Final = (
    "{agent} asks for a human's input where there is no terminal: set human_input_mode to NEVER, or let"
    " get_human_input ask elsewhere."
)

_ADVICE: Final[Mapping[str, str | Callable[[Mapping[str, Any]], str]]] = {
    causes.TOOL_EXCEPTION: _tool_exception,
    causes.TOOL_ARGUMENTS: _tool_arguments,
    causes.CONFIG_ENTRY: _config_entry,
    causes.PROMPT_TOO_LARGE: _prompt_too_large,
    causes.RATE_LIMIT: _rate_limit,
    causes.CONTENT_FILTER: _content_filter,
    causes.BACKEND: _backend,
    causes.TIMEOUT: _timeout,
    causes.STREAM_INTERRUPTED: (
        "Look for a proxy before {host} whose idle limit is shorter than the model's pauses; without"
        " streaming it does not matter."
    ),
    causes.STALE_STATE: (
        "Begin with clear_history=True or with new agents for each request, or repair the history before it"
        " is used again."
    ),
    causes.CODE_EXECUTION: _code_execution,
    causes.CALLBACK: _callback,
    causes.CLIENT: _client,
    causes.ORCHESTRATION: _orchestration,
    causes.UNKNOWN: _unknown,
}
"""By cause; ``advice_for`` fills the braces from the subject."""
_DEFAULT_WORDS: Final = {
    "agent": "the agents",
    "argument": "the argument",
    "entry": "?",
    "exception": "the exception",
    "host": "the provider",
    "model": "?",
    "problem": "it does not fit",
    "tool": "the tool",
}
