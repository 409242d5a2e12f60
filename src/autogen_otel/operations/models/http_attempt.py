"""HTTP attempts of the OpenAI SDK: ``request`` of its base client, and every ``send`` inside it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http import HTTPStatus
from itertools import compress
from operator import itemgetter, ne
from time import perf_counter, time_ns
from typing import Any

from autogen_otel.causes import Circumstances, Failure, Oddity, Scene
from autogen_otel.causes.decision import FIRST_FAILED_STATUS, cause_of_answer
from autogen_otel.causes.provider_error import ProviderError, error_in_answer, error_in_body
from autogen_otel.operations.models.config_entries import address_of
from autogen_otel.operations.operation import Operation
from autogen_otel.reading import read, read_text
from autogen_otel.recording import (
    Facts,
    Measurement,
    send_headers,
    sends_headers,
    silence_http,
    unsilence_others,
)
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import metrics

_NO_STREAMS = ("application/json", "text/html", "application/problem+json")

Headers = list[tuple[bytes, bytes, bytes]]
"""Name as it is written, name in small letters, value."""
_name_and_value = itemgetter(1, 2)
_SIZE = b"content-length"
_ROW = [bytes, bytes, bytes]


class ApiRequest(Operation):
    """Reads ``SyncAPIClient.request``: one call of the API, which has a span only through its attempts.

    Attributes:
        answered: whether the last attempt was answered well: what fails after that is the answer itself.
        attempts: how often it was sent.
        waiting: the last attempt, if its answer is an error whose body the SDK has not read yet.
        refusal: what the last attempt was answered, if that was an error.
    """

    __slots__ = ("answered", "attempts", "refusal", "waiting")

    def begin(self) -> Facts | None:
        """Only what an agent does is ours, and once where a class and its base are both observed."""
        if self.parent is None or isinstance(self.parent, ApiRequest):
            return None
        self.answered, self.attempts = False, 0
        self.waiting: HttpAttempt | None = None
        self.refusal: Oddity | None = None
        return {}

    def settle_attempt(self) -> None:
        """Close the last attempt, of which no more will be known."""
        waiting, self.waiting = self.waiting, None
        if waiting is not None:
            waiting.close()

    def returned(self, _value: Any) -> None:
        """The SDK takes some errors for answers."""
        self.settle_attempt()
        self._pass_on()
        if self.refusal is not None:
            self.failure = self.refusal.failure()

    def failed(self, error: BaseException) -> None:
        """The SDK gave up, or found no answer in what came."""
        self.settle_attempt()
        self.failure = self.failure_of(error)
        self._pass_on()

    def cancelled(self) -> None:
        """The attempt under way has ended with it."""
        self.settle_attempt()

    def failure_of(self, error: BaseException) -> Failure:
        """As the last attempt says, which has no exception where a server answered."""
        if self.refusal is None or self.summary_of(error) is not None:
            return super().failure_of(error)
        return self.refusal.failure(error)._replace(message=_unless_said(self.refusal.words, error))

    def circumstances(self) -> Circumstances:
        """What it was answered with."""
        return Circumstances(Scene.REQUEST, carried_messages=self.carried_count, was_answered=self.answered)

    def _pass_on(self) -> None:
        if self.place.entry is not None:
            self.place.entry.refusal = self.refusal

    def _release(self) -> None:
        self.waiting = None


class HttpAttempt(Operation):
    """Reads ``Client.send`` of httpx and httpx2."""

    is_client = True
    parameters = ("request",)
    changes = staticmethod(unsilence_others)

    __slots__ = ("_headers", "_is_chat", "_response", "ended_at")

    def begin(self) -> Facts | None:
        """Note the request; anything not sent directly by a request of the SDK is not ours."""
        parent = self.parent
        if not isinstance(parent, ApiRequest):
            return None
        parent.settle_attempt()
        request = self.arguments["request"]
        headers = self._headers = list(_rows(request.headers))
        size, others = _size_apart(headers)
        self._hide(others)
        resend_count = parent.attempts
        parent.attempts += 1
        parent.answered, parent.refusal = False, None
        if self.place.entry is not None:
            self.place.entry.attempts += 1
        tried = None if self.place.model_call is None else self.place.model_call.tried
        self.name = request.method
        self.ended_at, self._response = None, None
        self._is_chat, sent = _sent(request.method, _hashable(request.url))
        self.constants = (sent,)
        return {
            # The convention sets it from the first resend on.
            names.HTTP_REQUEST_RESEND_COUNT: resend_count or None,
            names.HTTP_REQUEST_BODY_SIZE: int(size) if size.isdigit() else None,
            # A search for failed attempts of an entry looks at one span.
            names.CONFIG_INDEX: None if tried is None else tried.index,
        }

    def _hide(self, headers: Headers) -> None:
        """Mask what authorises; nearly always the headers are those that the client sent before."""
        memory = self.recorder.memory
        sent: Headers | None = memory.recall(self.instance)
        if sent is None:
            sent = []
            memory.remember(self.instance, sent)
        # A copy, because another thread may send by the same client.
        before = sent[:]
        if headers == before:
            return
        self._hide_all(
            headers if len(headers) != len(before) else [*compress(headers, map(ne, headers, before))]
        )
        # Last, so that whoever finds them there also masks what is in them.
        sent[:] = headers

    def _hide_all(self, headers: Headers) -> None:
        self.recorder.hide_headers([(name, value) for name, _, value in headers])

    def end_with_value(self, value: Any) -> None:
        """End the attempt, unless it is an error that the SDK is yet to read before it raises it."""
        parent = self.parent
        status = read(value, "status_code")
        unread = isinstance(status, int) and status >= FIRST_FAILED_STATUS and _body(value) is None
        if unread and isinstance(parent, ApiRequest) and parent.context is not None:
            self._response, parent.waiting = value, self
            self.ended_at = perf_counter(), time_ns()
        else:
            super().end_with_value(value)

    def close(self) -> None:
        """Close the attempt that has ended before."""
        super().end_with_value(self._response)

    def returned(self, value: Any) -> Facts:
        """The server answered; an error is a failure whatever the SDK makes of it."""
        sent = read(value, "request")
        if sent is not None:
            headers = _rows(sent.headers)
            if headers != self._headers:
                # What an ``auth`` of the HTTP client has added meanwhile.
                self._hide_all(headers)
        # The first of those that are sent twice, in one dictionary: of many headers few are asked for.
        received = dict(map(_name_and_value, reversed(_rows(value.headers)))).get
        said = self._error(value, received(b"content-type", b"").decode("latin-1"))
        if said is not None:
            refusal = self._refusal(value, said)
            self.failure = refusal.failure()
            if isinstance(self.parent, ApiRequest):
                self.parent.refusal = refusal
        else:
            if isinstance(self.parent, ApiRequest):
                self.parent.answered = True
            if self.place.entry is not None:
                self.place.entry.answered = True
        request_id = received(b"x-request-id") or received(b"apim-request-id")
        facts: Facts = {names.HTTP_RESPONSE_STATUS_CODE: value.status_code}
        if request_id is not None:
            facts[names.HTTP_REQUEST_ID] = request_id.decode("latin-1")
        milliseconds, wait = received(b"retry-after-ms"), received(b"retry-after")
        if milliseconds is not None or wait is not None:
            facts[names.HTTP_RETRY_AFTER_SECONDS] = _retry_after(milliseconds, wait)
        if said is not None:
            facts |= {names.HTTP_ERROR_CODE: said.code, names.HTTP_ERROR_TYPE: said.type}
        return facts

    def _error(self, response: Any, content_type: str) -> ProviderError | None:
        body = _body(response)
        if response.status_code >= FIRST_FAILED_STATUS:
            return ProviderError() if body is None else error_in_body(body, content_type)
        if body is not None:
            return error_in_answer(body, content_type, is_chat=self._is_chat)
        # A stream of events is neither a page nor an object, and what comes instead is never read by us.
        kind = content_type.partition(";")[0].strip()
        is_odd = self._is_chat and kind in _NO_STREAMS
        return ProviderError(f"{kind}, no stream of events") if is_odd else None

    def _refusal(self, response: Any, said: ProviderError) -> Oddity:
        status = response.status_code
        phrase = response.reason_phrase or _phrase(status)
        kind = str(status)
        if status < FIRST_FAILED_STATUS:
            phrase, kind = f"{phrase} with an error", "error_in_answer"
        text = f"{status} {phrase}: {said.message}" if said.message else f"{status} {phrase}"
        return Oddity(cause_of_answer(status, said, self.carried_count), text, kind)

    def _release(self) -> None:
        self._headers, self._response = [], None

    def circumstances(self) -> Circumstances:
        """Nothing was answered."""
        return Circumstances(Scene.REQUEST, carried_messages=self.carried_count)

    def measurements(self, _seconds: float) -> Iterator[Measurement]:
        """Each attempt, silent retries included."""
        call, attributes = self.place.model_call, self.attributes
        entry = {} if call is None or call.tried is None else call.tried.facts
        labels = {
            **entry,
            names.GEN_AI_AGENT_NAME: None if call is None else call.agent,
            names.SERVER_ADDRESS: attributes.get(names.SERVER_ADDRESS),
            names.SERVER_PORT: attributes.get(names.SERVER_PORT),
            metrics.ATTEMPT_RESENT: names.HTTP_REQUEST_RESEND_COUNT in attributes,
        }
        yield metrics.MODEL_ATTEMPTS, 1, labels


class SendRequest(Operation):
    """Reads ``Client._send_single_request`` of httpx and httpx2: the request itself, past hooks and auth."""

    parameters = ("request",)
    changes = staticmethod(silence_http)

    __slots__ = ()

    def begin(self) -> Facts | None:
        """Take the place of an instrumentation of the HTTP client, which would report the attempt again."""
        if not isinstance(self.parent, HttpAttempt):
            return None
        request = self.arguments["request"]
        if not sends_headers(self.instance._transport_for_url(request.url)):
            return None
        send_headers(request.headers)
        return {}

    def failed(self, _error: BaseException) -> None:
        """The attempt around it records that."""


@lru_cache(maxsize=256)
def _sent(method: str, parts: Hashable) -> tuple[bool, Facts]:
    """Whether chats are completed at a URL, and what is recorded of what is sent to it."""
    url = str(parts)
    address, port = address_of(url)
    is_chat = url.partition("?")[0].endswith("/chat/completions")
    return is_chat, {
        names.HTTP_REQUEST_METHOD: method,
        names.URL_FULL: url,
        names.SERVER_ADDRESS: address,
        names.SERVER_PORT: port,
    }


_form_known: set[type] = set()
"""Classes of headers that keep them in that form."""


def _hashable(url: Any) -> Hashable:
    """The parts of a URL of httpx or httpx2, whose text is put together anew each time it is asked for."""
    parts = read(url, "_uri_reference")
    # It is a private attribute: another version may keep something else there.
    return parts if isinstance(parts, tuple) else str(url)


def _rows(headers: Any) -> Headers:
    """Headers as httpx and httpx2 keep them, not to be changed; others are brought into that form."""
    kind = type(headers)
    if kind in _form_known and type(headers._list) is list:
        return headers._list
    rows = read(headers, "_list")
    # It is a private attribute: another version may keep something else there.
    if type(rows) is list and rows and type(rows[0]) is tuple and [*map(type, rows[0])] == _ROW:
        name, in_small_letters, _ = rows[0]
        if name.lower() == in_small_letters:
            if kind.__module__.startswith("httpx"):
                # Only classes of the client: one of the user's must not live on here.
                _form_known.add(kind)
            return rows
    raw = read(headers, "raw")
    if not isinstance(raw, list):
        raw = [(str(name).encode(), str(value).encode()) for name, value in dict(headers).items()]
    return [(name, name.lower(), value) for name, value in raw]


def _size_apart(headers: Headers) -> tuple[bytes, Headers]:
    """The length of the body, which differs from request to request, and the other headers."""
    if headers and headers[-1][1] == _SIZE:
        # Where httpx puts it.
        return headers[-1][2], headers[:-1]
    for place, (_, name, size) in enumerate(headers):
        if name == _SIZE:
            return size, headers[:place] + headers[place + 1 :]
    return b"", headers


def _unless_said(words: str, error: BaseException) -> str | None:
    """The provider's words, unless the exception says them too."""
    return None if (words.partition(": ")[2] or words) in read_text(error) else words


def _body(response: Any) -> bytes | None:
    """The body of an answer that the SDK has read; a stream's is never read by us."""
    body = read(response, "_content")
    return body if isinstance(body, bytes) else None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "error"


def _retry_after(milliseconds: bytes | None, wait: bytes | None) -> float | None:
    """Seconds the server asks to wait: OpenAI's milliseconds header, seconds, or an HTTP date."""
    try:
        if milliseconds is not None:
            return float(milliseconds) / 1000
        if wait is None:
            return None
        text = wait.decode("latin-1")
        if text.replace(".", "", 1).isdigit():
            return float(text)
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(timezone.utc)).total_seconds())
    except (ValueError, TypeError):
        return None
