"""From an exception or an HTTP status to the cause it stands for (DESIGN section 6).

Exceptions of the SDK are recognised by what they carry, not by class: three generations of the openai
package and two of httpx raise different classes with the same fields and names.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable

from autogen_otel.context.scope import chain
from autogen_otel.operations.reading import attribute, text_of, traceback_of
from autogen_otel.vocabulary import failures

_TOO_LARGE = re.compile(
    r"context.{0,5}length|maximum context|context window|too many tokens|prompt is too long|"
    r"reduce the length|exceeds? the (?:model|token|context)|input is too long|request too large|"
    r"string too long",
    re.IGNORECASE,
)
_TOO_LARGE_CODES = frozenset({"context_length_exceeded", "string_above_max_length", "request_too_large"})
_BAD_OPTION_CODES = frozenset(
    {
        "model_not_found",
        "unsupported_parameter",
        "unsupported_value",
        "unsupported_model",
        "unknown_parameter",
        "invalid_model",
        "DeploymentNotFound",
    }
)
_ENTRY_PARAMETERS = frozenset(
    {
        "model",
        "temperature",
        "top_p",
        "max_tokens",
        "max_completion_tokens",
        "api_version",
        "stop",
        "seed",
        "n",
    }
)

_BY_STATUS = {
    401: failures.CONFIG_ENTRY,
    403: failures.CONFIG_ENTRY,
    404: failures.CONFIG_ENTRY,
    405: failures.CONFIG_ENTRY,
    408: failures.TIMEOUT,
    413: failures.PROMPT_TOO_LARGE,
    429: failures.RATE_LIMIT,
    504: failures.TIMEOUT,
    529: failures.RATE_LIMIT,
}

_BY_CLASS_NAME = {
    "APITimeoutError": failures.TIMEOUT,
    "TimeoutException": failures.TIMEOUT,
    "TimeoutError": failures.TIMEOUT,
    "ReadTimeout": failures.TIMEOUT,
    "ConnectTimeout": failures.TIMEOUT,
    "WriteTimeout": failures.TIMEOUT,
    "PoolTimeout": failures.TIMEOUT,
    "UnsupportedProtocol": failures.CONFIG_ENTRY,
    "InvalidURL": failures.CONFIG_ENTRY,
    "LocalProtocolError": failures.CONFIG_ENTRY,
    "NetworkError": failures.BACKEND,
    "ConnectError": failures.BACKEND,
    "ReadError": failures.BACKEND,
    "WriteError": failures.BACKEND,
    "RemoteProtocolError": failures.BACKEND,
    "APIConnectionError": failures.BACKEND,
    "APIResponseValidationError": failures.BACKEND,
    "NoEligibleSpeaker": failures.ORCHESTRATION,
    "NoEligibleSpeakerError": failures.ORCHESTRATION,
}

FIRST_ERROR_STATUS = 400
_FIRST_SERVER_STATUS = 500


def origin_of(links: Iterable[BaseException]) -> str:
    """Cause of an exception that is not known from a call further inside.

    Args:
        links: the exception, and what it was raised from, nearest first.
    """
    for link in links:
        found = _own_origin(link)
        if found is not None:
            return found
    return failures.UNKNOWN


def origin_of_status(
    status: int, code: str | None = None, message: str = "", parameter: str | None = None
) -> str:
    """Cause of an HTTP error answer.

    Args:
        status: the status code, 400 or more.
        code: the provider's own error code, as ``model_not_found``.
        message: the provider's error text.
        parameter: the request parameter the provider complains about.
    """
    if code in _TOO_LARGE_CODES or (status < _FIRST_SERVER_STATUS and _TOO_LARGE.search(message)):
        return failures.PROMPT_TOO_LARGE
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= _FIRST_SERVER_STATUS:
        return failures.BACKEND
    if code in _BAD_OPTION_CODES or parameter in _ENTRY_PARAMETERS:
        return failures.CONFIG_ENTRY
    if code == "content_filter":
        return failures.UNKNOWN
    return failures.CLIENT


def raised_in(error: BaseException, package: str) -> bool:
    """Whether the innermost frame of an exception belongs to a package: it is what choked."""
    traceback = traceback_of(error)
    if traceback is None:
        return False
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    module = str(traceback.tb_frame.f_globals.get("__name__", ""))
    return module == package or module.startswith(package + ".")


def _own_origin(error: BaseException) -> str | None:
    status = attribute(error, "status_code")
    if isinstance(status, int) and status >= FIRST_ERROR_STATUS:
        code, parameter = (
            one if isinstance(one, str) else None
            for one in (attribute(error, "code"), attribute(error, "param"))
        )
        return origin_of_status(status, code, text_of(error), parameter)
    if any(isinstance(link, socket.gaierror) for link in chain(error)):
        return failures.CONFIG_ENTRY
    names = {cls.__name__ for cls in type(error).__mro__}
    for name, origin in _BY_CLASS_NAME.items():
        if name in names:
            return origin
    if "APIError" in names:
        # An error event inside a stream: the answer had begun with status 200.
        return failures.STREAM_INTERRUPTED
    return None
