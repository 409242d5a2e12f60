"""The test of a model call that failed: a request of the same shape to the same entry."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from urllib.parse import SplitResult, parse_qs, urlsplit

from autogen_otel.diagnosis.evidence.features import Features
from autogen_otel.diagnosis.evidence.occurrence import MODEL, Effect, Occurrence
from autogen_otel.diagnosis.evidence.subjects import is_attempt
from autogen_otel.redaction import MASK
from autogen_otel.repro.failure import Context, NotReproducibleError, nearest
from autogen_otel.repro.prompts import offered_tools, recorded_messages, recorded_tools
from autogen_otel.repro.source import call, literal
from autogen_otel.repro.values import Values
from autogen_otel.traces.trace import Span, Trace
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes
from autogen_otel.vocabulary import spans as span_names

_NEED_WORDS: Final = frozenset({causes.CONTENT_FILTER, causes.CLIENT})
"""Causes that lie in the words of the prompt, so that filler would prove nothing."""
_INTERMITTENT: Final = frozenset(
    {causes.BACKEND, causes.TIMEOUT, causes.RATE_LIMIT, causes.STREAM_INTERRUPTED}
)
_OPTIONS_ARE_BLAMED: Final = frozenset({causes.CONFIG_ENTRY, causes.CLIENT})
_OPTIONS: Final = {
    "temperature": names.GEN_AI_REQUEST_TEMPERATURE,
    "top_p": names.GEN_AI_REQUEST_TOP_P,
    "max_tokens": names.GEN_AI_REQUEST_MAX_TOKENS,
}
_MISS_PROBABILITY: Final = 0.05
"""The probability that the test misses a failure that is still there."""
_MOST_REQUESTS: Final = 20
_BELOW_LIMIT: Final = 0.9
_AZURE: Final = "azure"
_CHAT: Final = "/chat/completions"
_TEST: Final = """\
{pytest}from autogen_otel.testing import {imports}

{constants}


{parametrize}def test_{name}({parameter}) -> None:
    ENTRY.ask(
{arguments}    )"""


def model_test(
    trace: Trace, occurrence: Occurrence, context: Context, values: Values
) -> tuple[str, list[str]]:
    """The body of the test, and the remarks for its docstring.

    Raises:
        NotReproducibleError: no honest test can be written.
    """
    failed_span = trace.span(occurrence.span_id)
    chat = nearest(trace, failed_span, span_names.CHAT)
    if failed_span is None or chat is None:
        raise NotReproducibleError("The model call that failed is not in the trace.")
    entry = nearest(trace, failed_span, span_names.CONFIG_ENTRY) or chat
    test = _ModelTest(trace, occurrence, context, values, chat, entry)
    client = test.recorded_attributes.get(names.CLIENT_CLASS)
    if client is not None:
        raise NotReproducibleError(
            f"The call went through {values.words(client)}, a model client that your program makes."
        )
    if names.ASSISTANT_ID in chat.attributes:
        raise NotReproducibleError("The run of an assistant depends on its thread at the provider.")
    needs_tools = occurrence.cause == causes.CLIENT and "tool" in occurrence.subject
    if occurrence.cause in _NEED_WORDS and (test.messages is None or (needs_tools and test.tools is None)):
        raise NotReproducibleError(
            "The failure lies in what was said, which was not recorded whole; "
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY records it."
        )
    return test.body(), test.remarks()


def _count(attributes: Mapping[str, Any], name: str) -> int:
    value = attributes.get(name)
    return value if isinstance(value, int) else 0


def _url_parts(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


@dataclass(frozen=True)
class _ModelTest:
    """The test of one model call; the arguments are those of ``model_test``, and the spans that it found."""

    trace: Trace
    occurrence: Occurrence
    context: Context
    values: Values
    chat: Span
    entry: Span

    @cached_property
    def recorded_attributes(self) -> dict[str, Any]:
        """The attributes of the entry, and those of the call that the entry lacks."""
        return {**self.chat.attributes, **self.entry.attributes}

    @cached_property
    def limit(self) -> int:
        """Characters from which on prompts are too large; 0 where the cause is another."""
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
        """The test below the docstring."""
        imports = ["RecordedEntry"]
        constants = {"ENTRY": call("RecordedEntry", self._entry_arguments())}
        if self.messages is None:
            imports.append("filler_messages")
            arguments = [self._filler()]
        else:
            constants["MESSAGES"] = literal(self.messages, used_columns=len("MESSAGES = "))
            arguments = ["MESSAGES"]
        if self.tools is not None:
            constants["TOOLS"] = literal(self.tools, used_columns=len("TOOLS = "))
            arguments.append("tools=TOOLS")
        elif offered_tools(self.chat):
            imports.append("filler_tools")
            arguments.append(f"tools={self._filler_tools()}")
        if self.occurrence.effect is Effect.RETRIED:
            arguments.append("retries=False")
        arguments += [f"{name}={literal(value)}" for name, value in self._options().items()]
        name, parameter, values = self._parametrize()
        return _TEST.format(
            pytest="import pytest\n" if parameter else "",
            imports=", ".join(imports),
            constants="\n".join(f"{constant} = {value}" for constant, value in constants.items()),
            parametrize=f'@pytest.mark.parametrize("{parameter}", {values})\n' if parameter else "",
            name=name,
            parameter=f"{parameter}: int" if parameter else "",
            arguments="".join(f"        {argument},\n" for argument in arguments),
        )

    def _parametrize(self) -> tuple[str, str, str]:
        """The end of the test's name, and its parameter with the values, if it is run more than once."""
        if self.limit:
            return "prompts_of_so_many_characters_are_answered", "chars", literal(self._sizes())
        requests = self._enough_requests()
        parameter_and_values = ("request_number", f"range({requests})") if requests > 1 else ("", "")
        return "the_entry_answers", *parameter_and_values

    def _filler(self) -> str:
        messages = _count(self.chat.attributes, names.PROMPT_MESSAGES)
        if self.limit:
            return f"filler_messages({messages}, chars=chars)"
        chars = _count(self.chat.attributes, names.PROMPT_CHARS)
        largest = _count(self.chat.attributes, names.PROMPT_LARGEST_CHARS)
        return f"filler_messages({messages}, chars={chars}{f', largest={largest}' if largest else ''})"

    def _filler_tools(self) -> str:
        tools = [self.values.with_placeholders(name, "tool") for name in offered_tools(self.chat)]
        name_list = literal(
            [name if isinstance(name, str) else "tool" for name in tools], depth=3, used_columns=1
        )
        chars = _count(self.chat.attributes, names.PROMPT_TOOLS_CHARS)
        return f"filler_tools(\n            {name_list},\n            chars={chars},\n        )"

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

    def _entry_arguments(self) -> dict[str, Any]:
        """The arguments of ``RecordedEntry``, from the trace."""
        timeout = self.recorded_attributes.get(names.REQUEST_TIMEOUT_SECONDS)
        api_type = str(self.recorded_attributes.get(names.CONFIG_API_TYPE) or "openai")
        attempt = next((child for child in self.trace.children(self.entry) if is_attempt(child)), None)
        url = str(attempt.attributes.get(names.URL_FULL) or "") if attempt is not None else ""
        parts = _url_parts(url if self.values.is_clean(url) else "")
        base = f"{parts.scheme}://{parts.netloc}" if parts.netloc else None
        if base is not None and api_type != _AZURE:
            base += parts.path.removesuffix(_CHAT)
        version = parse_qs(parts.query).get("api-version") if api_type == _AZURE else None
        return {
            "index": _count(self.recorded_attributes, names.CONFIG_INDEX),
            "model": str(self.recorded_attributes.get(names.GEN_AI_REQUEST_MODEL) or ""),
            "base_url": base,
            "api_type": None if api_type == "openai" else api_type,
            "api_version": version[0] if version else None,
            "timeout": timeout if isinstance(timeout, (int, float)) else None,
            "config": self.context.config,
        }

    # ------------------------------------------------------------ how much to ask
    def _sizes(self) -> list[int]:
        """Sizes on both sides of the limit: those seen next to it, the recorded one, and a small one."""
        chars = _count(self.chat.attributes, names.PROMPT_CHARS)
        failed_sizes = [_count(failure.features, names.PROMPT_CHARS) for failure in self._same_failures()]
        working_sizes = [_count(features, names.PROMPT_CHARS) for features in self._working()]
        size_below = max(
            (size for size in working_sizes if 0 < size < self.limit), default=int(self.limit * _BELOW_LIMIT)
        )
        size_above = min((size for size in (*failed_sizes, chars) if size >= self.limit), default=self.limit)
        return sorted({self.limit // 2, size_below, size_above, max(chars, size_above)})

    def _enough_requests(self) -> int:
        """So many that a failure which comes as often as it did is hardly missed."""
        if self.limit or self.occurrence.cause not in _INTERMITTENT:
            return 1
        share = self._share()
        if share >= 1 - _MISS_PROBABILITY:
            return 1
        return min(_MOST_REQUESTS, math.ceil(math.log(_MISS_PROBABILITY) / math.log1p(-share)))

    def _share(self) -> float:
        """The share of the same entry's calls that failed of this cause."""
        failing = sum(failure.weight for failure in self._same_failures())
        sample = self.context.population.working.get(MODEL)
        working = len(self._working()) * sample.weight if sample is not None else 0.0
        return failing / (failing + working) if failing else 1.0

    @property
    def _entry_and_model(self) -> tuple[Any, Any]:
        """The entry and the model of the calls to compare."""
        return self.occurrence.subject.get("entry"), self.occurrence.subject.get("model")

    def _same_failures(self) -> list[Occurrence]:
        """The failures of the same entry with the same cause."""
        return [
            failure
            for failure in self.context.root_failures
            if failure.kind == MODEL
            and failure.cause == self.occurrence.cause
            and (failure.subject.get("entry"), failure.subject.get("model")) == self._entry_and_model
        ]

    def _working(self) -> list[Features]:
        """A sample of the calls that the same entry answered."""
        sample, (entry, model) = self.context.population.working.get(MODEL), self._entry_and_model
        calls = sample.members if sample is not None else []
        return [
            features
            for features in calls
            if features.get(names.CONFIG_INDEX, entry) == entry
            and features.get(names.GEN_AI_REQUEST_MODEL, model) == model
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
            remarks.append("The messages were not recorded whole: filler of the same size stands for them.")
        elif MASK in str(self.messages):
            remarks.append(f"What was redacted in the messages is {MASK} here.")
        remarks.append(
            "The entry is taken from OAI_CONFIG_LIST (JSON, or the path of a file), by its index."
            if self.context.config is None
            else "The entry is taken from your config_list, by its index."
        )
        return remarks
