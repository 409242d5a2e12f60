"""HTTP attempts of the OpenAI SDK: ``request`` of its base client, and every ``send`` inside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from autogen_otel.causes import Failure
from autogen_otel.causes.decision import FIRST_ERROR_STATUS, cause_of_status
from autogen_otel.operations.models.config_entries import DEFAULT_PORTS
from autogen_otel.operations.operation import Operation
from autogen_otel.reading import read
from autogen_otel.recording import Facts, Measurement
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import metrics

Headers = list[tuple[bytes, bytes]]


class ApiRequest(Operation):
    """Reads ``SyncAPIClient.request``: one call of the API, which has a span only through its attempts.

    Attributes:
        attempts: how often it was sent.
    """

    ends_by_cause = True

    __slots__ = ("attempts",)

    def begin(self) -> Facts | None:
        """Only what an agent does is ours, and once where a class and its base are both observed."""
        if self.parent is None or isinstance(self.parent, ApiRequest):
            return None
        self.attempts = 0
        return {}


class HttpAttempt(Operation):
    """Reads ``Client.send`` of httpx and httpx2."""

    is_client = may_recover = True
    parameters = ("request",)

    __slots__ = ("_headers",)

    def begin(self) -> Facts | None:
        """Note the request; anything not sent directly by a request of the SDK is not ours."""
        parent = self.parent
        if not isinstance(parent, ApiRequest):
            return None
        request = self.arguments["request"]
        headers = self._headers = _raw(request.headers)
        self.recorder.hide_headers(headers)
        url, resend_count = request.url, parent.attempts
        parent.attempts += 1
        if self.entry is not None:
            self.entry.attempts += 1
        tried = None if self.model_call is None else self.model_call.tried
        self.name = request.method
        size = next((value for name, value in headers if name.lower() == b"content-length"), b"")
        return {
            names.HTTP_REQUEST_METHOD: request.method,
            names.URL_FULL: str(url),
            names.SERVER_ADDRESS: url.host,
            names.SERVER_PORT: url.port or DEFAULT_PORTS.get(url.scheme),
            # The convention sets it from the first resend on.
            names.HTTP_REQUEST_RESEND_COUNT: resend_count or None,
            names.HTTP_REQUEST_BODY_SIZE: int(size) if size.isdigit() else None,
            # A search for failed attempts of an entry looks at one span.
            names.CONFIG_INDEX: None if tried is None else tried.index,
        }

    def returned(self, value: Any) -> Facts:
        """The server answered; from 400 on that is a failure whatever the SDK makes of it."""
        sent = read(value, "request")
        if sent is not None:
            headers = _raw(sent.headers)
            if headers != self._headers:
                # What an ``auth`` of the HTTP client has added meanwhile.
                self.recorder.hide_headers(headers)
        status = value.status_code
        if status >= FIRST_ERROR_STATUS:
            self.failure = _status_failure(status, value)
        elif self.entry is not None:
            self.entry.answered = True
        received = {name.lower(): content for name, content in _raw(value.headers)}
        request_id = received.get(b"x-request-id") or received.get(b"apim-request-id")
        return {
            names.HTTP_RESPONSE_STATUS_CODE: status,
            names.HTTP_REQUEST_ID: None if request_id is None else request_id.decode("latin-1"),
            names.HTTP_RETRY_AFTER_SECONDS: _retry_after(received),
        }

    def _release(self) -> None:
        super()._release()
        self._headers = []

    def measurements(self, _seconds: float) -> Iterator[Measurement]:
        """Each attempt, silent retries included."""
        call, attributes = self.model_call, self.attributes
        entry = {} if call is None or call.tried is None else call.tried.facts
        labels = {
            **entry,
            names.GEN_AI_AGENT_NAME: None if call is None else call.agent,
            names.SERVER_ADDRESS: attributes.get(names.SERVER_ADDRESS),
            names.SERVER_PORT: attributes.get(names.SERVER_PORT),
            metrics.ATTEMPT_RESENT: names.HTTP_REQUEST_RESEND_COUNT in attributes,
        }
        yield metrics.MODEL_ATTEMPTS, 1, labels


def _raw(headers: Any) -> Headers:
    """Headers as they are on the wire, whatever holds them."""
    raw = read(headers, "raw")
    if isinstance(raw, list):
        return raw
    return [(str(name).encode(), str(value).encode()) for name, value in dict(headers).items()]


def _status_failure(status: int, response: Any) -> Failure:
    error = _provider_error(response)
    message = error.get("message")
    phrase = response.reason_phrase or _phrase(status)
    text = f"{status} {phrase}: {message}" if isinstance(message, str) else f"{status} {phrase}"
    code, parameter = error.get("code"), error.get("param")
    cause = cause_of_status(
        status,
        code if isinstance(code, str) else None,
        text,
        parameter if isinstance(parameter, str) else None,
    )
    return Failure(cause, type=str(status), message=text)


def _provider_error(response: Any) -> dict[str, Any]:
    """The ``error`` object of a body that the SDK has already read; a stream's is never read by us."""
    body = getattr(response, "_content", None)
    if not isinstance(body, bytes):
        return {}
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    error = parsed.get("error") if isinstance(parsed, dict) else None
    return error if isinstance(error, dict) else {"message": error}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "error"


def _retry_after(headers: dict[bytes, bytes]) -> float | None:
    """Seconds the server asks to wait: OpenAI's milliseconds header, seconds, or an HTTP date."""
    try:
        milliseconds, wait = headers.get(b"retry-after-ms"), headers.get(b"retry-after")
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
