"""What an exception of a provider's SDK carries: the status, the id of the request, what the provider said.

The exceptions are recognised by their fields: of the openai SDK and those generated like it (Anthropic, Groq,
Together, Cerebras), of Google, of AWS, of requests and httpx.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from autogen_otel.causes.provider_error import ProviderError, error_in
from autogen_otel.reading import read, read_text

_HEADERS: Final = ("x-request-id", "request-id", "apim-request-id", "x-amzn-requestid", "x-goog-request-id")
_LIBRARIES_OF_HEADERS: Final = ("httpx", "requests.", "urllib3.", "multidict")


def error_of(error: BaseException) -> ProviderError:
    """What the provider said, from the exception of an SDK."""
    body, response = read(error, "body"), read(error, "response")
    # The AWS SDK has a dict there, with its code in capitals.
    aws = response.get("Error") if isinstance(response, dict) else None
    error_of_body = error_in(
        {str(key).lower(): value for key, value in aws.items()} if isinstance(aws, dict) else body
    )
    code, kind, parameter = (read(error, name) for name in ("code", "type", "param"))
    status = read(error, "status")
    return ProviderError(
        f"{error_of_body.message or ''} {read_text(error)}".strip(),
        error_of_body.code or (str(code) if isinstance(code, (str, int)) else None),
        error_of_body.type or next((value for value in (kind, status) if isinstance(value, str)), None),
        error_of_body.parameter or (parameter if isinstance(parameter, str) else None),
    )


def status_of(error: BaseException) -> int | None:
    """The HTTP status in an exception: of the openai SDK, of requests and httpx, of AWS, of Google."""
    response = read(error, "response")
    aws = response.get("ResponseMetadata") if isinstance(response, dict) else None
    for status in (
        read(error, "status_code"),
        read(response, "status_code"),
        aws.get("HTTPStatusCode") if isinstance(aws, dict) else None,
        read(error, "code"),
    ):
        if isinstance(status, int) and not isinstance(status, bool) and 100 <= status < 600:  # noqa: PLR2004 - all there are
            return status
    return None


def request_id_of(error: BaseException) -> str | None:
    """The provider's id of the request, in an exception."""
    return next((one for one in _request_ids(error) if isinstance(one, str) and one), None)


def _request_ids(error: BaseException) -> Iterator[Any]:
    response = read(error, "response")
    yield read(error, "request_id")
    if isinstance(response, dict):
        metadata = response.get("ResponseMetadata")
        yield metadata.get("RequestId") if isinstance(metadata, dict) else None
    for holder in (response, read(error, "raw_response"), error):
        headers = read(holder, "headers")
        if isinstance(headers, dict) or type(headers).__module__.startswith(_LIBRARIES_OF_HEADERS):
            yield from (headers.get(name) for name in _HEADERS)
