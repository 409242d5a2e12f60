"""Asking the endpoints of entries, in parallel, each with a time limit and a few requests at most."""

from __future__ import annotations

import difflib
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urljoin, urlsplit, urlunsplit

from autogen_otel.checks.host.attempt import MESSAGES, Attempt, Request, body_of
from autogen_otel.checks.probe import watching
from autogen_otel.checks.probe.verdicts import Ability, Exchange, Probe, judge
from autogen_otel.checks.values import is_number
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
_MOST_BYTES: Final = 1_000_000
_MOST_MODELS: Final = 5
_CHAT: Final = "/chat/completions"
_PORTS: Final = {"http": 80, "https": 443}
_CHOICES: Final = ("tool_choice", "parallel_tool_calls")
_WITH_TOOLS: Final = frozenset({*_CHOICES, "response_format", "functions", "function_call", "tools"})
"""Options that need something beside them which the small request does not have."""
_NOT_THERE: Final = frozenset({NONSENSE, UNKNOWN_MODEL, UNREACHABLE})
_KEPT: Final = (HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT)
"""Redirects that the SDK follows with the same method and body."""
_IDS: Final = ("x-request-id", "apim-request-id", "request-id", "x-ms-request-id")
_SIZES: Final = (
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
    """Ask all endpoints, and put what they answer into the answers under ``probe``.

    Args:
        pairs: what the host said of each entry, and how far it came with it.
        seconds: how long each may take, for all of its requests together.
    """
    watching.watch()
    waiting = [(answer, Probing(made, answer, seconds)) for answer, made in pairs]
    for answer, probing in waiting:
        answer["probe"] = asdict(probing.result())


class Probing:
    """Asks one endpoint, in a thread of its own.

    Args:
        made: how far the host came with the entry.
        answer: what it said of it.
        seconds: how long all requests together may take.
    """

    def __init__(self, made: Attempt, answer: Mapping[str, Any], seconds: float) -> None:
        self._made, self._answer, self._seconds = made, answer, seconds
        self._deadline = time.monotonic() + seconds
        self._probe: Probe | None = None
        self._requests = 0
        # Not waited for at the end: a thread whose server sends a byte now and then ends with the process.
        self._thread = threading.Thread(target=self._run, name="autogen-otel-probe", daemon=True)
        self._thread.start()

    def result(self) -> Probe:
        """What the endpoint answered, when all has been asked or the time is over."""
        self._thread.join(max(0.0, self._deadline - time.monotonic()))
        late = f"no answer within {self._seconds:g} s"
        probe = self._probe or Probe(TOO_SLOW, late)
        probe.requests = self._requests
        return probe

    def _run(self) -> None:
        reason = self._reason_not_to()
        try:
            if reason is not None:
                self._keep(Probe(NOT_PROBED, reason))
            elif self._made.sent is None:
                self._ask_host()
            else:
                self._ask(self._made.sent)
        except Exception as error:  # noqa: BLE001 - whatever an odd answer trips up, the others are still asked
            self._keep(Probe(NOT_PROBED, f"it could not be asked: {type(error).__name__}"))

    def _keep(self, probe: Probe) -> None:
        self._probe = self._probe or probe

    def _reason_not_to(self) -> str | None:
        answer = self._answer
        if answer["own_objects"]:
            return "it holds objects of the program, which only the program has"
        if answer["is_custom"]:
            return "its model client is the application's"
        refused = [one for one in answer["refusals"] if one["kind"] == "package"]
        if refused:
            return f"the host cannot make its model client here: {refused[0]['message']}"
        if self._made.agent is None or (answer["has_sdk"] and self._made.sent is None):
            said = [f": {one['error']}: {one['message']}" for one in answer["refusals"][:1]]
            return f"the host makes no request of it{''.join(said)}"
        if answer["refusals"]:
            return "the host refuses its options"
        return None

    def _ask_host(self) -> None:
        """Let the host's own model client ask, once: there is no more to know of its provider."""
        watching.begin(self._count)
        began = time.monotonic()
        ended: BaseException | None = None
        try:
            self._made.agent.client.create(messages=[dict(one) for one in MESSAGES])
        except (Exception, watching.NoMoreRequests) as error:  # noqa: BLE001 - what it ends with is the answer
            ended = error
        seconds, first = time.monotonic() - began, watching.WATCHED.first
        if ended is None:
            self._keep(Probe(WORKS, None, seconds))
        elif first is not None and (first.error is not None or not first.is_success):
            # What came back says more than what the host's client made of it.
            verdict, detail = judge(first, watching.WATCHED.url, is_chat=False)
            self._keep(Probe(verdict, detail, seconds, first.status))
        elif isinstance(ended, watching.NoMoreRequests):
            self._keep(Probe(SERVER_ERROR, "its client asked again and again", seconds))
        else:
            verdict, detail = judge(Exchange(error=ended), "")
            self._keep(Probe(verdict, detail, seconds))

    def _count(self) -> None:
        self._requests += 1

    def _ask(self, sent: Request) -> None:
        whole = body_of(sent.request)
        body = {name: value for name, value in whole.items() if name not in _WITH_TOOLS}
        is_chat = sent.request.url.path.endswith(_CHAT)
        url = str(sent.request.url)
        exchange = self._send(sent, "POST", url, body)
        location = exchange.headers.get("location")
        if exchange.status in _KEPT and location and _keeps_key(url, location):
            url = urljoin(url, location)
            exchange = self._send(sent, "POST", url, body)
        verdict, detail = judge(exchange, url, is_chat=is_chat)
        was_moved = url != str(sent.request.url)
        if was_moved and verdict in _NOT_THERE:
            verdict, detail = UNREACHABLE, f"it redirects to {urlsplit(url).path}, where {detail}"
        probe = Probe(verdict, detail, exchange.seconds, exchange.status)
        probe.request_id = next((exchange.headers[name] for name in _IDS if name in exchange.headers), None)
        is_missing = exchange.status == HTTPStatus.NOT_FOUND and verdict in _NOT_THERE
        if is_missing and is_chat and not was_moved:
            self._look_for_model(sent, url, body, probe)
        self._keep(probe)
        if verdict == WORKS and is_chat:
            probe.streaming = self._streams(sent, url, body)
            choice: dict[str, Any] = {name: whole[name] for name in _CHOICES if name in whole}
            probe.tools = self._calls_tools(sent, url, {**body, **choice})
            listed = self._models(sent, url)
            probe.context_size = _context_size(listed, body.get("model"))

    def _send(self, sent: Request, method: str, url: str, body: Mapping[str, Any] | None) -> Exchange:
        """Send one request as the SDK would, but once, and to where it says."""
        left = self._deadline - time.monotonic()
        if self._requests >= MOST_REQUESTS or left <= 0:
            return Exchange(error=TimeoutError("no time is left"))
        self._requests += 1
        headers = {
            name: value
            for name, value in sent.request.headers.items()
            if name.lower() not in {"content-length", "host", "transfer-encoding"}
        }
        began = time.monotonic()
        try:
            content = None if body is None else json.dumps(body).encode()
            request = sent.http.build_request(method, url, headers=headers, content=content, timeout=left)
            response = sent.send(request, stream=True, follow_redirects=False)
            try:
                received = _received(response)
            finally:
                response.close()
        except Exception as error:  # noqa: BLE001 - what it ends with is the answer
            return Exchange(error=error, seconds=time.monotonic() - began)
        # Masked before anything is cut: half a key that is echoed would not be recognised later.
        secrets = _secrets(sent.request.headers)
        for secret in secrets:
            received = received.replace(secret.encode(), MASK.encode())
        names = {name.lower(): _without(secrets, value) for name, value in response.headers.items()}
        return Exchange(response.status_code, names, received, None, time.monotonic() - began)

    def _streams(self, sent: Request, url: str, body: Mapping[str, Any]) -> Ability:
        exchange = self._send(sent, "POST", url, {**body, "stream": True})
        if exchange.status != HTTPStatus.OK:
            return _unable(exchange, url)
        if exchange.content_type.startswith("text/event-stream") and b"data:" in exchange.body:
            if b'"error"' in exchange.body and b'"choices"' not in exchange.body:
                return Ability(supported=False, detail="the stream is an error")
            return Ability(supported=True)
        return Ability(supported=False, detail="it answers as a whole")

    def _calls_tools(self, sent: Request, url: str, body: Mapping[str, Any]) -> Ability:
        asked = {**body, "messages": list(_TOOL_MESSAGES), "tools": [_TOOL], "stream": False}
        exchange = self._send(sent, "POST", url, asked)
        if exchange.status != HTTPStatus.OK:
            return _unable(exchange, url)
        if judge(exchange, url)[0] != WORKS:
            return Ability(supported=False, detail=judge(exchange, url)[1])
        message = exchange.parsed()["choices"][0]["message"]
        if message.get("tool_calls"):
            return Ability(supported=True)
        return Ability(supported=False, detail="it takes tools, but called none when told to")

    def _models(self, sent: Request, url: str) -> list[dict[str, Any]]:
        """The models that the server lists; none if it does not."""
        parts = urlsplit(url)
        path = parts.path.removesuffix(_CHAT)
        path = f"{path.partition('/deployments/')[0]}/models"
        exchange = self._send(
            sent, "GET", urlunsplit((parts.scheme, parts.netloc, path, parts.query, "")), None
        )
        parsed = exchange.parsed() if exchange.status == HTTPStatus.OK else None
        listed = parsed.get("data") if isinstance(parsed, dict) else parsed
        return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []

    def _look_for_model(self, sent: Request, url: str, body: Mapping[str, Any], probe: Probe) -> None:
        """Tell a model that is not there from a path that is not there, and what models are."""
        names = [str(one["id"]) for one in self._models(sent, url) if one.get("id")]
        asked = str(body.get("model"))
        if asked in names:
            probe.verdict = UNREACHABLE
            probe.detail = f"{probe.detail}; the server has the model, and nothing at {urlsplit(url).path}"
        elif names:
            probe.verdict = UNKNOWN_MODEL
            near = difflib.get_close_matches(asked, names, n=_MOST_MODELS, cutoff=0.4)
            probe.models = near or names[:_MOST_MODELS]
        elif probe.verdict == UNREACHABLE:
            probe.detail = f"{probe.detail}; nothing answers at this path, look at base_url"


def _secrets(headers: Mapping[str, str]) -> list[str]:
    """What authorises in the headers of a request, words that servers without keys are given aside."""
    found = [secret for name, value in headers.items() for secret in in_header(name, value)]
    return [secret for secret in found if len(secret) >= _SHORTEST and secret.lower() not in _NO_KEYS]


def _without(secrets: Sequence[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def _unable(exchange: Exchange, url: str) -> Ability:
    """Whether the endpoint cannot do it, or failed for another reason."""
    verdict, detail = judge(exchange, url)
    is_refusal = exchange.status is not None and HTTPStatus.BAD_REQUEST <= exchange.status < _SERVER_FAULT
    if is_refusal and exchange.status != HTTPStatus.TOO_MANY_REQUESTS:
        return Ability(supported=False, detail=detail)
    return Ability(detail=detail or verdict)


_SHORTEST: Final = 4
_NO_KEYS: Final = frozenset({"empty", "null", "none", "dummy", "test", "fake", "ollama", "lm-studio"})
_SERVER_FAULT: Final = 500


def _received(response: Any) -> bytes:
    """The body, or as much of it as can be an answer; of a stream the first events."""
    received = b""
    is_stream = str(response.headers.get("content-type", "")).startswith("text/event-stream")
    for piece in response.iter_bytes():
        received += piece
        if len(received) >= _MOST_BYTES or (is_stream and b"data:" in received and b"\n\n" in received):
            break
    # What was packed small may be very large.
    return received[:_MOST_BYTES]


def _keeps_key(url: str, location: str) -> bool:
    """Whether the SDK's client sends the key along with a redirect: to the same origin, or on to HTTPS.

    Source: ``httpx.Client._redirect_headers``.
    """
    try:
        one, other = urlsplit(url), urlsplit(urljoin(url, location))
        ends = [(parts.scheme, parts.port or _PORTS.get(parts.scheme)) for parts in (one, other)]
    except ValueError:
        # What the server has written there is no URL.
        return False
    if one.hostname != other.hostname:
        return False
    return ends[0] == ends[1] or ends == [("http", 80), ("https", 443)]


def _context_size(listed: Sequence[Mapping[str, Any]], model: Any) -> int | None:
    """The size that the server tells of the model."""
    named = [one for one in listed if one.get("id") == model]
    for one in named or (listed if len(listed) == 1 else ()):
        meta = one.get("meta")
        for holder in (one, meta if isinstance(meta, dict) else {}):
            for name in _SIZES:
                size = holder.get(name)
                if isinstance(size, int) and is_number(size) and size > 0:
                    return size
    return None
