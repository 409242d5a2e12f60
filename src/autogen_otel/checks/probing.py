"""Asks the endpoints of entries, in parallel, each with a time limit and a few requests at most."""

from __future__ import annotations

import difflib
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urljoin, urlsplit, urlunsplit

from autogen_otel.checks import watching
from autogen_otel.checks.host import MESSAGES, Attempt, Request, body_of
from autogen_otel.checks.values import is_number
from autogen_otel.checks.verdicts import Ability, Exchange, ProbeResult, judge
from autogen_otel.redaction.cutting import MASK
from autogen_otel.redaction.known.search import in_header
from autogen_otel.vocabulary.verdicts import (
    NONSENSE,
    NOT_PROBED,
    SERVER_ERROR,
    TOO_SLOW,
    UNKNOWN_MODEL,
    UNREACHABLE,
    WORKS,
)

MOST_REQUESTS: Final = 5
_MOST_MODELS: Final = 5
_DECODER: Final = json.JSONDecoder()
_CHAT: Final = "/chat/completions"
_PORTS: Final = {"http": 80, "https": 443}
_CHOICES: Final = ("tool_choice", "parallel_tool_calls")
_DEPENDENT_OPTIONS: Final = frozenset({*_CHOICES, "response_format", "functions", "function_call", "tools"})
"""Options that need other options, which the small request does not have."""
_MISSING_VERDICTS: Final = frozenset({NONSENSE, UNKNOWN_MODEL, UNREACHABLE})
_METHOD_KEEPING_REDIRECTS: Final = (HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT)
"""Redirects that the SDK follows with the same method and body."""
_REQUEST_ID_HEADERS: Final = ("x-request-id", "apim-request-id", "request-id", "x-ms-request-id")
_SIZE_KEYS: Final = (
    "context_length",
    "max_model_len",
    "context_window",
    "loaded_context_length",
    "max_context_length",
    "max_input_tokens",
    "n_ctx",
    "n_ctx_train",
)
"""What servers call the size: OpenRouter, vLLM, Groq, LM Studio, Mistral, llama.cpp."""
_TOOL: Final = {
    "type": "function",
    "function": {
        "name": "ping",
        "description": "Answers pong.",
        "parameters": {"type": "object", "properties": {}},
    },
}
_TOOL_MESSAGES: Final = ({"role": "user", "content": "Call the tool ping. Do not answer in words."},)


def probe_all(pairs: Sequence[tuple[dict[str, Any], Attempt]], seconds: float) -> None:
    """Ask all endpoints, and put their answers into the host's answers under ``probe``.

    Args:
        pairs: the host's answer about each entry, and how far the host came with it.
        seconds: how long each endpoint may take, for all of its requests together.
    """
    watching.watch()
    probes = [(answer, EndpointProbe(attempt, answer, seconds)) for answer, attempt in pairs]
    for answer, probe in probes:
        answer["probe"] = asdict(probe.result())


class EndpointProbe:
    """Asks one endpoint, in a thread of its own.

    Args:
        attempt: how far the host came with the entry.
        answer: the host's answer about it.
        seconds: how long all requests together may take.
    """

    def __init__(self, attempt: Attempt, answer: Mapping[str, Any], seconds: float) -> None:
        self._attempt, self._answer, self._seconds = attempt, answer, seconds
        self._deadline = time.monotonic() + seconds
        self._probe: ProbeResult | None = None
        self._requests = 0
        # The process does not wait for it: a server may send a byte now and then for ever.
        self._thread = threading.Thread(target=self._run, name="autogen-otel-probe", daemon=True)
        self._thread.start()

    def result(self) -> ProbeResult:
        """Wait for the answers until the time is over, and return them."""
        self._thread.join(max(0.0, self._deadline - time.monotonic()))
        message = f"no answer within {self._seconds:g} s"
        probe = self._probe or ProbeResult(TOO_SLOW, message)
        probe.requests = self._requests
        return probe

    def _run(self) -> None:
        reason = self._reason_not_to()
        try:
            if reason is not None:
                self._keep(ProbeResult(NOT_PROBED, reason))
            elif self._attempt.sdk_request is None:
                self._ask_host()
            else:
                self._ask(self._attempt.sdk_request)
        except Exception as error:  # noqa: BLE001 - an odd answer must not keep us from asking the others
            self._keep(ProbeResult(NOT_PROBED, f"it could not be asked: {type(error).__name__}"))

    def _keep(self, probe: ProbeResult) -> None:
        self._probe = self._probe or probe

    def _reason_not_to(self) -> str | None:
        answer = self._answer
        if answer["own_objects"]:
            return "it holds objects of the program, which only the program has"
        if answer["is_custom"]:
            return "its model client is the application's"
        refusals = [refusal for refusal in answer["refusals"] if refusal["kind"] == "package"]
        if refusals:
            return f"the host cannot make its model client here: {refusals[0]['message']}"
        if self._attempt.agent is None or (answer["has_sdk"] and self._attempt.sdk_request is None):
            first_refusal = [
                f": {refusal['error']}: {refusal['message']}" for refusal in answer["refusals"][:1]
            ]
            return f"the host makes no request of it{''.join(first_refusal)}"
        if answer["refusals"]:
            return "the host refuses its options"
        return None

    def _ask_host(self) -> None:
        """Let the host's own model client ask, once: no more can be known of its provider."""
        watching.begin(self._count)
        start = time.monotonic()
        failure: BaseException | None = None
        try:
            self._attempt.agent.client.create(messages=[dict(message) for message in MESSAGES])
        except (Exception, watching.NoMoreRequests) as error:  # noqa: BLE001 - what it ends with is the answer
            failure = error
        seconds, first = time.monotonic() - start, watching.THREAD_STATE.first_exchange
        if failure is None:
            self._keep(ProbeResult(WORKS, None, seconds))
        elif first is not None and (first.error is not None or not first.is_success):
            # The response says more than the exception that the host's client made of it.
            verdict, detail = judge(first, watching.THREAD_STATE.url, is_chat=False)
            self._keep(ProbeResult(verdict, detail, seconds, first.status))
        elif isinstance(failure, watching.NoMoreRequests):
            self._keep(ProbeResult(SERVER_ERROR, "its client asked again and again", seconds))
        else:
            verdict, detail = judge(Exchange(error=failure), "")
            self._keep(ProbeResult(verdict, detail, seconds))

    def _count(self) -> None:
        self._requests += 1

    def _ask(self, sdk_request: Request) -> None:
        full_body = body_of(sdk_request.request)
        body = {name: value for name, value in full_body.items() if name not in _DEPENDENT_OPTIONS}
        is_chat = sdk_request.request.url.path.endswith(_CHAT)
        url = str(sdk_request.request.url)
        exchange = self._send(sdk_request, "POST", url, body)
        location = exchange.headers.get("location")
        if exchange.status in _METHOD_KEEPING_REDIRECTS and location and _keeps_key(url, location):
            url = urljoin(url, location)
            exchange = self._send(sdk_request, "POST", url, body)
        verdict, detail = judge(exchange, url, is_chat=is_chat)
        was_moved = url != str(sdk_request.request.url)
        if was_moved and verdict in _MISSING_VERDICTS:
            verdict, detail = UNREACHABLE, f"it redirects to {urlsplit(url).path}, where {detail}"
        probe = ProbeResult(verdict, detail, exchange.seconds, exchange.status)
        probe.request_id = next(
            (exchange.headers[name] for name in _REQUEST_ID_HEADERS if name in exchange.headers), None
        )
        is_missing = exchange.status == HTTPStatus.NOT_FOUND and verdict in _MISSING_VERDICTS
        if is_missing and is_chat and not was_moved:
            self._look_for_model(sdk_request, url, body, probe)
        self._keep(probe)
        if verdict == WORKS and is_chat:
            probe.streaming = self._streams(sdk_request, url, body)
            choice: dict[str, Any] = {name: full_body[name] for name in _CHOICES if name in full_body}
            probe.tools = self._calls_tools(sdk_request, url, {**body, **choice})
            models = self._models(sdk_request, url)
            probe.context_size = _context_size(models, body.get("model"))

    def _send(self, sdk_request: Request, method: str, url: str, body: Mapping[str, Any] | None) -> Exchange:
        """Send one request to a URL as the SDK would, but without retries."""
        remaining_seconds = self._deadline - time.monotonic()
        if self._requests >= MOST_REQUESTS or remaining_seconds <= 0:
            return Exchange(error=TimeoutError("no time is left"))
        self._requests += 1
        headers = {
            name: value
            for name, value in sdk_request.request.headers.items()
            if name.lower() not in {"content-length", "host", "transfer-encoding", "accept-encoding"}
        }
        # What other encodings pack cannot be unpacked to a limit.
        headers["accept-encoding"] = "gzip"
        start = time.monotonic()
        try:
            content = None if body is None else json.dumps(body).encode()
            request = sdk_request.http.build_request(
                method, url, headers=headers, content=content, timeout=remaining_seconds
            )
            response = sdk_request.send(request, stream=True, follow_redirects=False)
            try:
                response_body = watching.read_body(response, self._deadline)
            finally:
                response.close()
        except Exception as error:  # noqa: BLE001 - what it ends with is the answer
            return Exchange(error=error, seconds=time.monotonic() - start)
        # Mask before anything is cut: half a key that the server echoes would not be recognised later.
        secrets = _secrets(sdk_request.request.headers)
        for secret in secrets:
            response_body = response_body.replace(secret.encode(), MASK.encode())
        names = {name.lower(): _mask(secrets, value) for name, value in response.headers.items()}
        return Exchange(response.status_code, names, response_body, None, time.monotonic() - start)

    def _streams(self, sdk_request: Request, url: str, body: Mapping[str, Any]) -> Ability:
        exchange = self._send(sdk_request, "POST", url, {**body, "stream": True})
        if exchange.status != HTTPStatus.OK:
            return _failed_ability(exchange, url)
        if exchange.content_type.startswith("text/event-stream") and b"data:" in exchange.body:
            if b'"error"' in exchange.body and b'"choices"' not in exchange.body:
                return Ability(supported=False, detail="the stream is an error")
            return Ability(supported=True)
        return Ability(supported=False, detail="it answers as a whole")

    def _calls_tools(self, sdk_request: Request, url: str, body: Mapping[str, Any]) -> Ability:
        request_body = {**body, "messages": list(_TOOL_MESSAGES), "tools": [_TOOL], "stream": False}
        exchange = self._send(sdk_request, "POST", url, request_body)
        if exchange.status != HTTPStatus.OK:
            return _failed_ability(exchange, url)
        if judge(exchange, url)[0] != WORKS:
            return Ability(supported=False, detail=judge(exchange, url)[1])
        message = exchange.json_body()["choices"][0]["message"]
        if message.get("tool_calls"):
            return Ability(supported=True)
        return Ability(supported=False, detail="it takes tools, but called none when told to")

    def _models(self, sdk_request: Request, url: str) -> list[dict[str, Any]]:
        """The models that the server lists; none if it lists none."""
        parts = urlsplit(url)
        path = parts.path.removesuffix(_CHAT)
        path = f"{path.partition('/deployments/')[0]}/models"
        exchange = self._send(
            sdk_request, "GET", urlunsplit((parts.scheme, parts.netloc, path, parts.query, "")), None
        )
        return list(_listed(exchange.body)) if exchange.status == HTTPStatus.OK else []

    def _look_for_model(
        self, sdk_request: Request, url: str, body: Mapping[str, Any], probe: ProbeResult
    ) -> None:
        """Decide whether the model or the path is missing, and note the models that there are."""
        names = [
            str(listed_model["id"])
            for listed_model in self._models(sdk_request, url)
            if listed_model.get("id")
        ]
        model = str(body.get("model"))
        if model in names:
            probe.verdict = UNREACHABLE
            probe.detail = f"{probe.detail}; the server has the model, and nothing at {urlsplit(url).path}"
        elif names:
            probe.verdict = UNKNOWN_MODEL
            similar_names = difflib.get_close_matches(model, names, n=_MOST_MODELS, cutoff=0.4)
            probe.models = similar_names or names[:_MOST_MODELS]
        elif probe.verdict == UNREACHABLE:
            probe.detail = f"{probe.detail}; nothing answers at this path, look at base_url"


def _listed(body: bytes) -> Iterator[dict[str, Any]]:
    """The objects of the first list in JSON: a long list was not read to its end."""
    text = body.decode("utf-8", "replace")
    position = text.find("[") + 1
    while position and (start := text.find("{", position)) >= 0:
        try:
            model, position = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            return
        yield model


def _secrets(headers: Mapping[str, str]) -> list[str]:
    """The credentials in the headers of a request, except the dummy keys of servers that need none."""
    secrets = [secret for name, value in headers.items() for secret in in_header(name, value)]
    return [secret for secret in secrets if len(secret) >= _SHORTEST and secret.lower() not in _NO_KEYS]


def _mask(secrets: Sequence[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def _failed_ability(exchange: Exchange, url: str) -> Ability:
    """Whether the endpoint cannot do it, or failed for another reason."""
    verdict, detail = judge(exchange, url)
    is_refusal = exchange.status is not None and HTTPStatus.BAD_REQUEST <= exchange.status < _SERVER_FAULT
    if is_refusal and exchange.status != HTTPStatus.TOO_MANY_REQUESTS:
        return Ability(supported=False, detail=detail)
    return Ability(detail=detail or verdict)


_SHORTEST: Final = 4
_NO_KEYS: Final = frozenset({"empty", "null", "none", "dummy", "test", "fake", "ollama", "lm-studio"})
_SERVER_FAULT: Final = 500


def _keeps_key(url: str, location: str) -> bool:
    """Whether the SDK's client sends the key along with a redirect: to the same origin, or on to HTTPS.

    Source: ``httpx.Client._redirect_headers``.
    """
    try:
        origin, target = urlsplit(url), urlsplit(urljoin(url, location))
        scheme_ports = [(parts.scheme, parts.port or _PORTS.get(parts.scheme)) for parts in (origin, target)]
    except ValueError:
        # The location is no URL.
        return False
    if origin.hostname != target.hostname:
        return False
    return scheme_ports[0] == scheme_ports[1] or scheme_ports == [("http", 80), ("https", 443)]


def _context_size(models: Sequence[Mapping[str, Any]], model: Any) -> int | None:
    """The context size of the model, if the server lists it."""
    matching_models = [entry for entry in models if entry.get("id") == model]
    for entry in matching_models or (models if len(models) == 1 else ()):
        meta = entry.get("meta")
        for holder in (entry, meta if isinstance(meta, dict) else {}):
            for name in _SIZE_KEYS:
                size = holder.get(name)
                if isinstance(size, int) and is_number(size) and size > 0:
                    return size
    return None
