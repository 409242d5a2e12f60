"""From an exception or an HTTP status to the cause it stands for (DESIGN section 6).

Exceptions of the SDK are recognised by what they carry, not by class: three generations of the openai
package and two of httpx raise different classes with the same fields and names.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable

from autogen_otel.causes.chain import chain
from autogen_otel.reading import read, read_text, read_traceback
from autogen_otel.vocabulary import causes

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
    401: causes.CONFIG_ENTRY,
    403: causes.CONFIG_ENTRY,
    404: causes.CONFIG_ENTRY,
    405: causes.CONFIG_ENTRY,
    408: causes.TIMEOUT,
    413: causes.PROMPT_TOO_LARGE,
    429: causes.RATE_LIMIT,
    504: causes.TIMEOUT,
    529: causes.RATE_LIMIT,
}

_BY_CLASS_NAME = {
    "APITimeoutError": causes.TIMEOUT,
    "TimeoutException": causes.TIMEOUT,
    "TimeoutError": causes.TIMEOUT,
    "ReadTimeout": causes.TIMEOUT,
    "ConnectTimeout": causes.TIMEOUT,
    "WriteTimeout": causes.TIMEOUT,
    "PoolTimeout": causes.TIMEOUT,
    "UnsupportedProtocol": causes.CONFIG_ENTRY,
    "InvalidURL": causes.CONFIG_ENTRY,
    "LocalProtocolError": causes.CONFIG_ENTRY,
    "NetworkError": causes.BACKEND,
    "ConnectError": causes.BACKEND,
    "ReadError": causes.BACKEND,
    "WriteError": causes.BACKEND,
    "RemoteProtocolError": causes.BACKEND,
    "APIConnectionError": causes.BACKEND,
    "APIResponseValidationError": causes.BACKEND,
    "NoEligibleSpeaker": causes.ORCHESTRATION,
    "NoEligibleSpeakerError": causes.ORCHESTRATION,
}

FIRST_ERROR_STATUS = 400
_FIRST_SERVER_STATUS = 500


def cause_of(links: Iterable[BaseException]) -> str:
    """Cause of an exception that is not known from a call further inside.

    Args:
        links: the exception, and what it was raised from, nearest first.
    """
    for link in links:
        cause = _own_cause(link)
        if cause is not None:
            return cause
    return causes.UNKNOWN


def cause_of_status(
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
        return causes.PROMPT_TOO_LARGE
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= _FIRST_SERVER_STATUS:
        return causes.BACKEND
    if code in _BAD_OPTION_CODES or parameter in _ENTRY_PARAMETERS:
        return causes.CONFIG_ENTRY
    if code == "content_filter":
        return causes.UNKNOWN
    return causes.CLIENT


def raised_in(error: BaseException, package: str) -> bool:
    """Whether the innermost frame of an exception belongs to a package: it is what choked."""
    traceback = read_traceback(error)
    if traceback is None:
        return False
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    module = str(traceback.tb_frame.f_globals.get("__name__", ""))
    return module == package or module.startswith(package + ".")


def _own_cause(error: BaseException) -> str | None:
    status = read(error, "status_code")
    if isinstance(status, int) and status >= FIRST_ERROR_STATUS:
        code, parameter = (
            one if isinstance(one, str) else None for one in (read(error, "code"), read(error, "param"))
        )
        return cause_of_status(status, code, read_text(error), parameter)
    if any(isinstance(link, socket.gaierror) for link in chain(error)):
        return causes.CONFIG_ENTRY
    names = {cls.__name__ for cls in type(error).__mro__}
    for name, cause in _BY_CLASS_NAME.items():
        if name in names:
            return cause
    if "APIError" in names:
        # An error event inside a stream: the answer had begun with status 200.
        return causes.STREAM_INTERRUPTED
    return None
