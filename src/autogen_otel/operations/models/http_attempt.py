"""HTTP attempts of the OpenAI SDK: ``request`` of its base client, and every ``send`` inside it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from autogen_otel.observations import ApiRequest, Failure, HttpAttempt
from autogen_otel.operations.failure_origin import FIRST_ERROR_STATUS, origin_of_status
from autogen_otel.operations.models.config_entries import DEFAULT_PORTS
from autogen_otel.operations.models.entry_tried import EntryState
from autogen_otel.operations.models.model_call import ModelCallState
from autogen_otel.operations.operation import Call, Operation
from autogen_otel.operations.reading import attribute


@dataclass(slots=True)
class RequestState:
    """Marks that what is sent inside belongs to one request of the SDK, and counts how often it was sent."""

    attempts: int = 0


class Request(Operation[ApiRequest]):
    """Reads ``SyncAPIClient.request``: one call of the API, which has a span only through its attempts."""

    def begin(self, call: Call) -> ApiRequest | None:
        """Only what an agent does is ours, and once where a class and its base are both observed."""
        if call.scope.parent is None or isinstance(call.scope.parent.state, RequestState):
            return None
        call.scope.state = RequestState()
        return ApiRequest()


class Send(Operation[HttpAttempt]):
    """Reads ``Client.send`` of httpx and httpx2."""

    parameters = ("request",)

    def begin(self, call: Call) -> HttpAttempt | None:
        """Note the request; anything not sent directly by a request of the SDK is not ours."""
        state = call.scope.parent.state if call.scope.parent is not None else None
        if not isinstance(state, RequestState):
            return None
        request = call.arguments["request"]
        call.secrets.add_sent(request.headers.items())
        url = request.url
        resend_count = state.attempts
        state.attempts += 1
        model_call, tried = call.scope.find(ModelCallState), call.scope.find(EntryState)
        if tried is not None:
            tried.attempts += 1
        return HttpAttempt(
            method=request.method,
            url=str(url),
            address=url.host,
            port=url.port or DEFAULT_PORTS.get(url.scheme),
            resend_count=resend_count,
            body_size=_integer(request.headers.get("content-length")),
            entry=None if model_call is None else model_call.tried,
            agent=None if model_call is None else model_call.agent,
        )

    def returned(self, call: Call, started: HttpAttempt, value: Any) -> HttpAttempt:
        """The server answered; from 400 on that is a failure whatever the SDK makes of it."""
        sent = attribute(value, "request")
        if sent is not None:
            # What an ``auth`` of the HTTP client has added meanwhile.
            call.secrets.add_sent(sent.headers.items())
        status, headers = value.status_code, value.headers
        failure = None
        if status >= FIRST_ERROR_STATUS:
            failure = _status_failure(status, value)
        else:
            entry = call.scope.find(EntryState)
            if entry is not None:
                entry.answered = True
        return replace(
            started,
            status_code=status,
            request_id=headers.get("x-request-id") or headers.get("apim-request-id"),
            retry_after=_retry_after(headers),
            failure=failure,
        )


def _status_failure(status: int, response: Any) -> Failure:
    said = _provider_error(response)
    message = said.get("message")
    phrase = response.reason_phrase or _phrase(status)
    text = f"{status} {phrase}: {message}" if isinstance(message, str) else f"{status} {phrase}"
    code, parameter = said.get("code"), said.get("param")
    origin = origin_of_status(
        status,
        code if isinstance(code, str) else None,
        text,
        parameter if isinstance(parameter, str) else None,
    )
    return Failure(origin=origin, type=str(status), message=text)


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


def _retry_after(headers: Any) -> float | None:
    """Seconds the server asks to wait: OpenAI's milliseconds header, seconds, or an HTTP date."""
    try:
        if "retry-after-ms" in headers:
            return float(headers["retry-after-ms"]) / 1000
        text = headers.get("retry-after")
        if text is None:
            return None
        if text.replace(".", "", 1).isdigit():
            return float(text)
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(timezone.utc)).total_seconds())
    except (ValueError, TypeError):
        return None


def _integer(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None
