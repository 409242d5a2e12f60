"""The test of a model call that failed: a request of the same shape to the same entry."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from autogen_otel.diagnosis.evidence.features import Features
from autogen_otel.diagnosis.evidence.occurrence import MODEL, Effect, Occurrence
from autogen_otel.diagnosis.evidence.subjects import is_attempt
from autogen_otel.repro.failure import Everything, NotReproducibleError, nearest
from autogen_otel.repro.prompts import offered, recorded_messages, recorded_tools
from autogen_otel.repro.source import call, literal
from autogen_otel.repro.whole import Values
from autogen_otel.traces.trace import Span, Trace
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes
from autogen_otel.vocabulary import spans as span_names

_NEED_WORDS: Final = frozenset({causes.CONTENT_FILTER, causes.CLIENT})
"""Causes that lie in what was said, so that filler would prove nothing."""
_INTERMITTENT: Final = frozenset(
    {causes.BACKEND, causes.TIMEOUT, causes.RATE_LIMIT, causes.STREAM_INTERRUPTED}
)
_OPTIONS_ARE_BLAMED: Final = frozenset({causes.CONFIG_ENTRY, causes.CLIENT})
_OPTIONS: Final = {
    "temperature": names.GEN_AI_REQUEST_TEMPERATURE,
    "top_p": names.GEN_AI_REQUEST_TOP_P,
    "max_tokens": names.GEN_AI_REQUEST_MAX_TOKENS,
}
_SURE: Final = 0.05
"""How often a failure that is still there may be missed."""
_MOST_REQUESTS: Final = 20
_BELOW: Final = 0.9
_AZURE: Final = "azure"
_CHAT: Final = "/chat/completions"
_TEST: Final = """\
{pytest}from autogen_otel.testing import {imports}

{constants}


{repeated}def test_{name}({parameter}) -> None:
    ENTRY.ask(
{arguments}    )"""


def model_test(
    trace: Trace, occurrence: Occurrence, everything: Everything, values: Values
) -> tuple[str, list[str]]:
    """The body of the test, and what its docstring has to say of it.

    Raises:
        NotReproducibleError: no honest test can be written.
    """
    failed = trace.span(occurrence.span_id)
    chat = nearest(trace, failed, span_names.CHAT)
    if failed is None or chat is None:
        raise NotReproducibleError("The model call that failed is not in the trace.")
    entry = nearest(trace, failed, span_names.CONFIG_ENTRY) or chat
    writing = _Writing(trace, occurrence, everything, values, chat, entry)
    client = writing.known.get(names.CLIENT_CLASS)
    if client is not None:
        raise NotReproducibleError(
            f"The call went through {values.words(client)}, a model client that your program makes."
        )
    if names.ASSISTANT_ID in chat.attributes:
        raise NotReproducibleError("The run of an assistant depends on its thread at the provider.")
    if writing.messages is None and occurrence.cause in _NEED_WORDS:
        raise NotReproducibleError(
            "The failure lies in what was said, which was not recorded whole; "
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY records it."
        )
    return writing.body(), writing.remarks()


def _count(attributes: Mapping[str, Any], name: str) -> int:
    value = attributes.get(name)
    return value if isinstance(value, int) else 0


@dataclass(frozen=True)
class _Writing:
    """The test of one model call; the arguments are those of ``model_test``, and the spans that it found."""

    trace: Trace
    occurrence: Occurrence
    everything: Everything
    values: Values
    chat: Span
    entry: Span

    @cached_property
    def known(self) -> dict[str, Any]:
        """What was recorded of the entry, and else of the call."""
        return {**self.chat.attributes, **self.entry.attributes}

    @cached_property
    def limit(self) -> int:
        """Characters from which on prompts are too large; 0 where that is not what failed."""
        is_size = self.occurrence.cause == causes.PROMPT_TOO_LARGE
        return int(self.occurrence.subject.get("limit_chars") or 0) if is_size else 0

    @cached_property
    def messages(self) -> list[dict[str, Any]] | None:
        """The prompt, if filler does not do better."""
        return None if self.limit else recorded_messages(self.trace, self.chat, self.values)

    @cached_property
    def tools(self) -> list[dict[str, Any]] | None:
        """The tools as they were defined."""
        return recorded_tools(self.trace, self.chat, self.values)

    def body(self) -> str:
        """What comes below the docstring."""
        imports = ["RecordedEntry"]
        constants = {"ENTRY": call("RecordedEntry", self._recorded())}
        if self.messages is None:
            imports.append("filler_messages")
            arguments = [self._filler()]
        else:
            constants["MESSAGES"] = literal(self.messages, before=len("MESSAGES = "))
            arguments = ["MESSAGES"]
        if self.tools is not None:
            constants["TOOLS"] = literal(self.tools, before=len("TOOLS = "))
            arguments.append("tools=TOOLS")
        elif offered(self.chat):
            imports.append("filler_tools")
            arguments.append(f"tools={self._filler_tools()}")
        if self.occurrence.effect is Effect.RETRIED:
            arguments.append("retries=False")
        arguments += [f"{name}={literal(value)}" for name, value in self._options().items()]
        name, parameter, values = self._repeated()
        return _TEST.format(
            pytest="import pytest\n" if parameter else "",
            imports=", ".join(imports),
            constants="\n".join(f"{constant} = {value}" for constant, value in constants.items()),
            repeated=f'@pytest.mark.parametrize("{parameter}", {values})\n' if parameter else "",
            name=name,
            parameter=f"{parameter}: int" if parameter else "",
            arguments="".join(f"        {one},\n" for one in arguments),
        )

    def _repeated(self) -> tuple[str, str, str]:
        """What the test says, and its parameter with its values, if it is run more than once."""
        if self.limit:
            return "prompts_of_so_many_characters_are_answered", "chars", literal(self._sizes())
        requests = self._enough_requests()
        repeated = ("request_number", f"range({requests})") if requests > 1 else ("", "")
        return "the_entry_answers", *repeated

    def _filler(self) -> str:
        messages = _count(self.chat.attributes, names.PROMPT_MESSAGES)
        if self.limit:
            return f"filler_messages({messages}, chars=chars)"
        chars = _count(self.chat.attributes, names.PROMPT_CHARS)
        largest = _count(self.chat.attributes, names.PROMPT_LARGEST_CHARS)
        return f"filler_messages({messages}, chars={chars}{f', largest={largest}' if largest else ''})"

    def _filler_tools(self) -> str:
        tools = [self.values.whole(name, "tool") for name in offered(self.chat)]
        named = literal([name if isinstance(name, str) else "tool" for name in tools], depth=3, before=1)
        chars = _count(self.chat.attributes, names.PROMPT_TOOLS_CHARS)
        return f"filler_tools(\n            {named},\n            chars={chars},\n        )"

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = {}
        if self.chat.attributes.get(names.GEN_AI_REQUEST_STREAM) is True:
            options["stream"] = True
        if self.occurrence.cause not in _OPTIONS_ARE_BLAMED:
            for name, key in _OPTIONS.items():
                value = self.chat.attributes.get(key)
                if isinstance(value, (int, float)):
                    options[name] = value
        return options

    def _recorded(self) -> dict[str, Any]:
        """What the trace knows of the entry."""
        timeout = self.known.get(names.REQUEST_TIMEOUT_SECONDS)
        api_type = str(self.known.get(names.CONFIG_API_TYPE) or "openai")
        attempt = next((one for one in self.trace.children(self.entry) if is_attempt(one)), None)
        url = str(attempt.attributes.get(names.URL_FULL) or "") if attempt is not None else ""
        parts = urlsplit(url if self.values.is_clean(url) else "")
        base = f"{parts.scheme}://{parts.netloc}" if parts.netloc else None
        if base is not None and api_type != _AZURE:
            base += parts.path.removesuffix(_CHAT)
        version = parse_qs(parts.query).get("api-version") if api_type == _AZURE else None
        return {
            "index": _count(self.known, names.CONFIG_INDEX),
            "model": str(self.known.get(names.GEN_AI_REQUEST_MODEL) or ""),
            "base_url": base,
            "api_type": None if api_type == "openai" else api_type,
            "api_version": version[0] if version else None,
            "timeout": timeout if isinstance(timeout, (int, float)) else None,
            "config": self.everything.config,
        }

    # ------------------------------------------------------------ how much to ask
    def _sizes(self) -> list[int]:
        """Sizes on both sides of the limit: those seen next to it, the recorded one, and a small one."""
        chars = _count(self.chat.attributes, names.PROMPT_CHARS)
        failed = [_count(one.features, names.PROMPT_CHARS) for one in self._alike()]
        worked = [_count(one, names.PROMPT_CHARS) for one in self._working()]
        below = max((size for size in worked if 0 < size < self.limit), default=int(self.limit * _BELOW))
        above = min((size for size in (*failed, chars) if size >= self.limit), default=self.limit)
        return sorted({self.limit // 2, below, above, max(chars, above)})

    def _enough_requests(self) -> int:
        """So many that a failure which comes as often as it did is hardly missed."""
        if self.limit or self.occurrence.cause not in _INTERMITTENT:
            return 1
        share = self._share()
        if share >= 1 - _SURE:
            return 1
        return min(_MOST_REQUESTS, math.ceil(math.log(_SURE) / math.log1p(-share)))

    def _share(self) -> float:
        """How many calls of the same entry failed of this cause."""
        failing = sum(one.weight for one in self._alike())
        sample = self.everything.population.working.get(MODEL)
        working = len(self._working()) * sample.weight if sample is not None else 0.0
        return failing / (failing + working) if failing else 1.0

    @property
    def _which(self) -> tuple[Any, Any]:
        """The entry and the model that the calls to compare are of."""
        return self.occurrence.subject.get("entry"), self.occurrence.subject.get("model")

    def _alike(self) -> list[Occurrence]:
        """The failures of the same entry with the same cause."""
        return [
            one
            for one in self.everything.found
            if one.kind == MODEL
            and one.cause == self.occurrence.cause
            and (one.subject.get("entry"), one.subject.get("model")) == self._which
        ]

    def _working(self) -> list[Features]:
        """A sample of the calls that the same entry answered."""
        sample, (entry, model) = self.everything.population.working.get(MODEL), self._which
        kept = sample.members if sample is not None else []
        return [
            one
            for one in kept
            if one.get(names.CONFIG_INDEX, entry) == entry
            and one.get(names.GEN_AI_REQUEST_MODEL, model) == model
        ]

    # ------------------------------------------------------------ what to say
    def remarks(self) -> list[str]:
        remarks = []
        if self.limit:
            remarks.append(f"Prompts fail from about {self.limit} characters on; smaller ones were answered.")
        requests = self._enough_requests()
        if requests > 1:
            share = round(100 * self._share())
            remarks.append(
                f"About {share} % of such calls failed, hence {requests} requests: they cost money."
            )
        if self.messages is None:
            remarks.append("What was said was not recorded whole: filler of the same size stands for it.")
        remarks.append(
            "The entry is taken from OAI_CONFIG_LIST (JSON, or the path of a file), by its index."
            if self.everything.config is None
            else "The entry is taken from your config_list, by its index."
        )
        return remarks
