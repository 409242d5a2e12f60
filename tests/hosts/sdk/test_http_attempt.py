"""HTTP attempts by hand: which requests are ours, what an answer says, and how long to wait."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from autogen_otel.hosts.sdk.http_attempt import ApiRequest, HttpAttempt
from autogen_otel.operations.operation import Operation
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes
from tests.support.calls import begun, known, operation


def request(scheme: str = "https", port: int | None = None, **headers: str) -> Any:
    return SimpleNamespace(
        method="POST",
        url=f"{scheme}://api.example{'' if port is None else f':{port}'}/v1",
        headers={k.replace("_", "-"): v for k, v in headers.items()},
    )


def response(status: int, body: Any = None, phrase: str = "", **headers: str) -> Any:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    return SimpleNamespace(status_code=status, headers=given, reason_phrase=phrase, _content=content)


def attempts(*requests: Any) -> list[HttpAttempt]:
    """Attempts of one call of the API."""
    call = operation(ApiRequest, parent=operation(Operation))
    assert call.begin() == {}
    return [operation(HttpAttempt, parent=call, request=one) for one in requests]


def test_what_no_agent_asked_for_is_not_ours() -> None:
    assert operation(ApiRequest).begin() is None
    assert operation(ApiRequest, parent=operation(ApiRequest)).begin() is None
    assert operation(HttpAttempt, request=request()).begin() is None
    assert operation(HttpAttempt, parent=operation(Operation), request=request()).begin() is None


@pytest.mark.parametrize(
    ("sent", "port", "size"),
    [
        (request("https"), 443, None),
        (request("http", content_length="12"), 80, 12),
        (request("http", 8080, content_length="many"), 8080, None),
        (request("ftp"), None, None),
    ],
)
def test_a_request_says_where_it_goes(sent: Any, port: int | None, size: int | None) -> None:
    (attempt,) = attempts(sent)
    facts = begun(attempt)
    assert (facts[names.SERVER_ADDRESS], facts.get(names.SERVER_PORT)) == ("api.example", port)
    assert facts.get(names.HTTP_REQUEST_BODY_SIZE) == size
    assert attempt.name == facts[names.HTTP_REQUEST_METHOD] == "POST"


@pytest.mark.parametrize(
    "kept",
    [
        [(b"content-length", b"7", b"Content-Length")],
        [("Content-Length", "content-length", "7")],
        [(b"Content-Length", b"7")],
        [b"Content-Length: 7"],
        ["Content-Length"],
        {b"Content-Length": b"7"},
        7,
    ],
)
def test_headers_that_another_version_keeps_in_another_form_are_asked_for(kept: object) -> None:
    class Headers(dict[str, str]):
        _list = kept

    sent = request()
    sent.headers = Headers({"Content-Length": "12", "Authorization": "Bearer fresh-token-1"})
    (attempt,) = attempts(sent)
    assert begun(attempt)[names.HTTP_REQUEST_BODY_SIZE] == 12
    assert attempt._headers == [
        (b"Content-Length", b"content-length", b"12"),
        (b"Authorization", b"authorization", b"Bearer fresh-token-1"),
    ]


def test_resends_are_counted_from_the_second_attempt_on() -> None:
    begun = [attempt.begin() or {} for attempt in attempts(request(), request(), request())]
    assert [facts[names.HTTP_REQUEST_RESEND_COUNT] for facts in begun] == [None, 1, 2]


def answered(answer: Any) -> tuple[HttpAttempt, dict[str, Any]]:
    (attempt,) = attempts(request())
    attempt.begin()
    return attempt, attempt.returned(answer)


@pytest.mark.parametrize(
    ("headers", "request_id", "seconds"),
    [
        ({}, None, None),
        ({"X_Request_Id": "r-1", "apim_request_id": "a-1"}, "r-1", None),
        ({"apim_request_id": "a-1"}, "a-1", None),
        ({"retry_after": "7"}, None, 7.0),
        ({"retry_after": "0.5"}, None, 0.5),
        ({"retry_after_ms": "250", "retry_after": "7"}, None, 0.25),
        ({"retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"}, None, 0.0),
        ({"retry_after": "soon"}, None, None),
        ({"retry_after_ms": "soon"}, None, None),
    ],
)
def test_headers_of_an_answer(headers: dict[str, str], request_id: str | None, seconds: float | None) -> None:
    attempt, facts = answered(response(200, **headers))
    assert known(facts) == known(
        {
            names.HTTP_RESPONSE_STATUS_CODE: 200,
            names.HTTP_REQUEST_ID: request_id,
            names.HTTP_RETRY_AFTER_SECONDS: seconds,
        }
    )
    assert attempt.failure is None


@pytest.mark.parametrize(
    ("answer", "cause", "message"),
    [
        (response(500), causes.BACKEND, "500 Internal Server Error"),
        (response(599), causes.BACKEND, "599 error"),
        (response(503, phrase="Busy"), causes.BACKEND, "503 Busy"),
        (response(429, {"error": {"message": "Slow"}}), causes.RATE_LIMIT, "429 Too Many Requests: Slow"),
        (response(404, {"error": "gone"}), causes.CONFIG_ENTRY, "404 Not Found: gone"),
        (response(500, {"error": {"message": 7, "code": 7}}), causes.BACKEND, "500 Internal Server Error"),
        (response(500, b"<html>"), causes.BACKEND, "500 Internal Server Error: text/html"),
        (response(302), causes.CONFIG_ENTRY, "302 Found"),
        (response(500, [1]), causes.BACKEND, "500 Internal Server Error"),
        (
            response(400, {"error": {"code": "context_length_exceeded", "message": "Long"}}),
            causes.PROMPT_TOO_LARGE,
            "400 Bad Request: Long",
        ),
    ],
)
def test_a_status_from_300_on_is_a_failure_with_the_providers_words(
    answer: Any, cause: str, message: str
) -> None:
    attempt, _ = answered(answer)
    assert attempt.failure is not None
    assert (attempt.failure.cause, attempt.failure.message) == (cause, message)
    assert attempt.failure.type == str(answer.status_code)
