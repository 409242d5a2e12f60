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
from urllib.parse import urlsplit

from autogen_otel.causes import Circumstances, Failure, OddAnswer, Scene
from autogen_otel.causes.decision import FIRST_FAILED_STATUS, cause_of_answer
from autogen_otel.causes.provider_error import ProviderError, error_in_answer, error_in_body
from autogen_otel.operations.models.refused import part_facts, part_words, unsendable
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

DEFAULT_PORTS = {"https": 443, "http": 80}
_NO_STREAMS = ("application/json", "text/html", "application/problem+json")

Headers = list[tuple[bytes, bytes, bytes]]
"""Name as it is written, name in lower case, value."""
_name_and_value = itemgetter(1, 2)
_SIZE = b"content-length"
_ROW = [bytes, bytes, bytes]


@lru_cache(maxsize=256)
def address_of(url: str) -> tuple[str | None, int | None]:
    """Host and port of a URL."""
    try:
        parts = urlsplit(url)
        return parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:  # text that is no URL has no host; the request will fail because of it
        return None, None


class ApiRequest(Operation):
    """Reads ``SyncAPIClient.request``: one call of the API, without a span; its attempts have spans.

    Attributes:
        was_answered: whether the last attempt succeeded: a failure after that is one of the answer itself.
        attempts: number of attempts.
        unread_attempt: the last attempt, if its answer is an error whose body the SDK has not read yet.
        refusal: the error that answered the last attempt, if one did.
        wants_events: whether the answer is to be a stream of events.
    """

    __slots__ = ("attempts", "refusal", "unread_attempt", "wants_events", "was_answered")

    def begin(self) -> Facts | None:
        """Observe only calls inside agents, and only once if a class and its base are both observed."""
        if self.parent is None or isinstance(self.parent, ApiRequest):
            return None
        self.was_answered, self.attempts = False, 0
        self.unread_attempt: HttpAttempt | None = None
        self.refusal: OddAnswer | None = None
        self.wants_events = self.arguments.get("stream") is True
        return {}

    def settle_attempt(self) -> None:
        """Close the last attempt: nothing more will be known of it."""
        unread_attempt, self.unread_attempt = self.unread_attempt, None
        if unread_attempt is not None:
            unread_attempt.close()

    def returned(self, _value: Any) -> None:
        """The SDK treats some errors as answers."""
        self.settle_attempt()
        self._pass_refusal_on()
        if self.refusal is not None:
            self.failure = self.refusal.failure()

    def failed(self, error: BaseException) -> None:
        """The SDK gave up, or found no answer in the response."""
        self.settle_attempt()
        self.failure = self.failure_of(error)
        self._pass_refusal_on()

    def cancelled(self) -> None:
        """The open attempt has ended with it."""
        self.settle_attempt()

    def failure_of(self, error: BaseException) -> Failure:
        """The failure of the last attempt, which has no exception if a server answered."""
        failure = unsendable(error, self.place.model_call)
        if failure is not None:
            return failure
        if self.refusal is None or self.summary_of(error) is not None:
            return super().failure_of(error)
        return self.refusal.failure(error)._replace(message=_new_words(self.refusal.words, error))

    def circumstances(self) -> Circumstances:
        """What is known of the answer."""
        return Circumstances(
            Scene.REQUEST, carried_messages=self.carried_count, was_answered=self.was_answered
        )

    def _pass_refusal_on(self) -> None:
        if self.place.entry is not None:
            self.place.entry.refusal = self.refusal

    def _release(self) -> None:
        self.unread_attempt = None


class HttpAttempt(Operation):
    """Reads ``Client.send`` of httpx and httpx2.

    Attributes:
        is_redirected: whether the last answer sends it elsewhere.
    """

    is_client = True
    parameters = ("request",)
    changes = staticmethod(unsilence_others)

    __slots__ = ("_headers", "_is_chat", "_response", "ended_at", "is_redirected")

    def begin(self) -> Facts | None:
        """Note the request; observe it only if a request of the SDK sends it directly."""
        parent = self.parent
        if not isinstance(parent, ApiRequest):
            return None
        parent.settle_attempt()
        request = self.arguments["request"]
        headers = self._headers = list(_rows(request.headers))
        size, other_headers = _split_size(headers)
        self._hide(other_headers)
        resend_count = parent.attempts
        parent.attempts += 1
        parent.was_answered, parent.refusal = False, None
        if self.place.entry is not None:
            self.place.entry.attempts += 1
        entry = None if self.place.model_call is None else self.place.model_call.last_entry
        self.name = request.method
        self.ended_at, self._response, self.is_redirected = None, None, False
        self._is_chat, request_facts = _request_facts(request.method, _hashable(request.url))
        self.constants = (request_facts,)
        return {
            # The convention sets it only on resends.
            names.HTTP_REQUEST_RESEND_COUNT: resend_count or None,
            names.HTTP_REQUEST_BODY_SIZE: int(size) if size.isdigit() else None,
            # A search for failed attempts of an entry looks at one span.
            names.CONFIG_INDEX: None if entry is None else entry.index,
        }

    def sends(self, request: object) -> bool:
        """Whether a request is that of the attempt, or the one that an answer has redirected it to."""
        return self.is_redirected or request is self.arguments["request"]

    def _hide(self, headers: Headers) -> None:
        """Mask credentials; nearly always the headers are those that the client sent before."""
        memory = self.recorder.memory
        sent_headers: Headers | None = memory.recall(self.instance)
        if sent_headers is None:
            sent_headers = []
            memory.remember(self.instance, sent_headers)
        # A copy, because another thread may send with the same client.
        previous_headers = sent_headers[:]
        if headers == previous_headers:
            return
        self._hide_all(
            headers
            if len(headers) != len(previous_headers)
            else [*compress(headers, map(ne, headers, previous_headers))]
        )
        # Last, so that a thread that finds these headers here can rely on their masks.
        sent_headers[:] = headers

    def _hide_all(self, headers: Headers) -> None:
        self.recorder.hide_headers([(name, value) for name, _, value in headers])

    def end_with_value(self, value: Any) -> None:
        """End the attempt, unless its answer is an error that the SDK still has to read before it raises."""
        parent = self.parent
        status = read(value, "status_code")
        is_unread = isinstance(status, int) and status >= FIRST_FAILED_STATUS and _body(value) is None
        if is_unread and isinstance(parent, ApiRequest) and parent.context is not None:
            self._response, parent.unread_attempt = value, self
            self.ended_at = perf_counter(), time_ns()
        else:
            super().end_with_value(value)

    def close(self) -> None:
        """Close the attempt, which has already ended."""
        super().end_with_value(self._response)

    def returned(self, value: Any) -> Facts:
        """The server answered; an error is a failure even if the SDK does not raise."""
        request = read(value, "request")
        if request is not None:
            headers = _rows(request.headers)
            if headers != self._headers:
                # An ``auth`` of the HTTP client has added headers meanwhile.
                self._hide_all(headers)
        # One dictionary, since few of many headers are read; the first of a repeated header counts.
        header = dict(map(_name_and_value, reversed(_rows(value.headers)))).get
        provider_error = self._error(value, header(b"content-type", b"").decode("latin-1"))
        refused: Facts = {}
        if provider_error is not None:
            refused = part_facts(provider_error, self.place.model_call)
            refusal = self._refusal(value, provider_error, part_words(refused))
            self.failure = refusal.failure()
            if isinstance(self.parent, ApiRequest):
                self.parent.refusal = refusal
        else:
            if isinstance(self.parent, ApiRequest):
                self.parent.was_answered = True
            if self.place.entry is not None:
                self.place.entry.was_answered = True
        request_id = header(b"x-request-id") or header(b"apim-request-id")
        facts: Facts = {names.HTTP_RESPONSE_STATUS_CODE: value.status_code}
        if request_id is not None:
            facts[names.HTTP_REQUEST_ID] = request_id.decode("latin-1")
        milliseconds, retry_after = header(b"retry-after-ms"), header(b"retry-after")
        if milliseconds is not None or retry_after is not None:
            facts[names.HTTP_RETRY_AFTER_SECONDS] = _retry_after(milliseconds, retry_after)
        if provider_error is not None:
            facts |= {
                names.HTTP_ERROR_CODE: provider_error.code,
                names.HTTP_ERROR_TYPE: provider_error.type,
                **refused,
            }
        return facts

    def _error(self, response: Any, content_type: str) -> ProviderError | None:
        body = _body(response)
        if response.status_code >= FIRST_FAILED_STATUS:
            return ProviderError() if body is None else error_in_body(body, content_type)
        if not self._is_chat and self.place.entry is None:
            # Files, audio and the like may be anything, and a job that failed has its error in a good answer.
            return None
        if body is not None:
            return error_in_answer(body, content_type, is_chat=self._is_chat)
        # A stream of events has none of these types; we never read a body that the SDK has not read.
        kind = content_type.partition(";")[0].strip()
        request = self.parent
        wants_events = self._is_chat and isinstance(request, ApiRequest) and request.wants_events
        return ProviderError(f"{kind}, no stream of events") if wants_events and kind in _NO_STREAMS else None

    def _refusal(self, response: Any, provider_error: ProviderError, addition: str) -> OddAnswer:
        status = response.status_code
        phrase = response.reason_phrase or _phrase(status)
        kind = str(status)
        if status < FIRST_FAILED_STATUS:
            phrase, kind = f"{phrase} with an error", "error_in_answer"
        text = (
            f"{status} {phrase}: {provider_error.message}" if provider_error.message else f"{status} {phrase}"
        )
        cause = cause_of_answer(status, provider_error, self.carried_count)
        return OddAnswer(cause, f"{text}{addition}", kind)

    def _release(self) -> None:
        self._headers, self._response = [], None

    def circumstances(self) -> Circumstances:
        """Nothing answered."""
        return Circumstances(Scene.REQUEST, carried_messages=self.carried_count)

    def measurements(self, _seconds: float) -> Iterator[Measurement]:
        """Each attempt, silent retries included."""
        call, attributes = self.place.model_call, self.attributes
        entry = {} if call is None or call.last_entry is None else call.last_entry.facts
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
        """Take the place of an instrumentation of the HTTP client, which would report the attempt again.

        What an ``auth`` of the application's asks on the way, for a token, is no attempt.
        """
        attempt, request = self.parent, self.arguments["request"]
        if not isinstance(attempt, HttpAttempt) or not attempt.sends(request):
            return None
        if not sends_headers(self.instance._transport_for_url(request.url)):
            return None
        send_headers(request.headers)
        return {}

    def returned(self, value: Any) -> None:
        """The attempt may go on elsewhere, with another request."""
        if isinstance(self.parent, HttpAttempt):
            self.parent.is_redirected = bool(read(value, "is_redirect"))

    def failed(self, _error: BaseException) -> None:
        """The attempt around it records that."""


@lru_cache(maxsize=256)
def _request_facts(method: str, parts: Hashable) -> tuple[bool, Facts]:
    """Whether a URL is that of chat completions, and the facts of a request to it."""
    url = str(parts)
    address, port = address_of(url)
    is_chat = url.partition("?")[0].endswith("/chat/completions")
    return is_chat, {
        names.HTTP_REQUEST_METHOD: method,
        names.URL_FULL: url,
        names.SERVER_ADDRESS: address,
        names.SERVER_PORT: port,
    }


_row_classes: set[type] = set()
"""Classes of headers that store them in that form."""


def _hashable(url: Any) -> Hashable:
    """The parts of a URL of httpx or httpx2, which builds the text of a URL anew at each request for it."""
    parts = read(url, "_uri_reference")
    # It is a private attribute: another version may store something else there.
    return parts if isinstance(parts, tuple) else str(url)


def _rows(headers: Any) -> Headers:
    """Headers as httpx and httpx2 store them, not to be changed; others are converted to that form."""
    kind = type(headers)
    if kind in _row_classes and type(headers._list) is list:
        return headers._list
    rows = read(headers, "_list")
    # It is a private attribute: another version may store something else there.
    if type(rows) is list and rows and type(rows[0]) is tuple and [*map(type, rows[0])] == _ROW:
        name, lower_name, _ = rows[0]
        if name.lower() == lower_name:
            if kind.__module__.startswith("httpx"):
                # Only classes of the client: one of the user's must not live on here.
                _row_classes.add(kind)
            return rows
    raw = read(headers, "raw")
    if not isinstance(raw, list):
        raw = [(str(name).encode(), str(value).encode()) for name, value in dict(headers).items()]
    return [(name, name.lower(), value) for name, value in raw]


def _split_size(headers: Headers) -> tuple[bytes, Headers]:
    """The length of the body, which differs from request to request, and the other headers."""
    if headers and headers[-1][1] == _SIZE:
        # The position where httpx puts it.
        return headers[-1][2], headers[:-1]
    for index, (_, name, size) in enumerate(headers):
        if name == _SIZE:
            return size, headers[:index] + headers[index + 1 :]
    return b"", headers


def _new_words(words: str, error: BaseException) -> str | None:
    """The provider's words, unless the exception already says them."""
    return None if (words.partition(": ")[2] or words) in read_text(error) else words


def _body(response: Any) -> bytes | None:
    """The body of an answer, if the SDK has read it; we never read the body of a stream."""
    body = read(response, "_content")
    return body if isinstance(body, bytes) else None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "error"


def _retry_after(milliseconds: bytes | None, retry_after: bytes | None) -> float | None:
    """Seconds that the server asks to wait: OpenAI's milliseconds header, seconds, or an HTTP date."""
    try:
        if milliseconds is not None:
            return float(milliseconds) / 1000
        if retry_after is None:
            return None
        text = retry_after.decode("latin-1")
        if text.replace(".", "", 1).isdigit():
            return float(text)
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(timezone.utc)).total_seconds())
    except (ValueError, TypeError):
        return None
