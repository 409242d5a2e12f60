"""The cause of a failure, from the exception and from what is known of the call beside it."""

from __future__ import annotations

import asyncio
import builtins
import socket
import ssl
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from autogen_otel.causes import Circumstances, OddAnswer, Scene, chain, decide, is_cancellation
from autogen_otel.causes.decision import cause_of_answer
from autogen_otel.causes.provider_error import ProviderError, error_in
from autogen_otel.vocabulary import causes
from tests.support.calls import raised_in


def of_kind(name: str, message: str = "odd", *, base: str = "Exception", **fields: Any) -> Exception:
    """An exception of a class of this name and with such a base, as any version of an SDK may have it."""
    error: Exception = type(name, (type(base, (Exception,), {}),), fields)(message)
    return error


def because(error: Exception, cause: BaseException) -> Exception:
    """The exception, raised from another one."""
    error.__cause__ = cause
    return error


def cause(error: BaseException, **known: Any) -> str:
    """What is decided."""
    return decide(chain(error), Circumstances(**known)).cause


def stream(*, chunks: int = 0, finished: bool = False, exhausted: bool = False, error: Any = None) -> Any:
    return SimpleNamespace(
        chunks=chunks, finished=finished, exhausted=exhausted, error=error, provider_error=None
    )


@pytest.mark.parametrize(
    ("error", "decided"),
    [
        (of_kind("APITimeoutError"), causes.TIMEOUT),
        (because(of_kind("APIConnectionError"), of_kind("ConnectError")), causes.BACKEND),
        (because(of_kind("APIConnectionError"), socket.gaierror(-2, "unknown")), causes.CONFIG_ENTRY),
        (because(of_kind("ConnectError"), OSError(socket.gaierror(-2, "unknown"))), causes.CONFIG_ENTRY),
        (because(of_kind("ConnectError"), ssl.SSLCertVerificationError(1, "expired")), causes.CONFIG_ENTRY),
        (because(of_kind("ConnectError"), ssl.SSLEOFError(8, "EOF")), causes.BACKEND),
        (of_kind("ProxyError", "407 Proxy Authentication Required"), causes.CONFIG_ENTRY),
        (of_kind("ProxyError", "502 Bad Gateway"), causes.BACKEND),
        (of_kind("ProxyError", "gone"), causes.BACKEND),
        (of_kind("TooManyRedirects"), causes.CONFIG_ENTRY),
        (of_kind("ModelToolNotSupportedError"), causes.CONFIG_ENTRY),
        (of_kind("OpenAIError", "Missing credentials"), causes.CONFIG_ENTRY),
        (of_kind("LengthFinishReasonError", base="OpenAIError"), causes.BACKEND),
        (of_kind("ContentFilterFinishReasonError", base="OpenAIError"), causes.CONTENT_FILTER),
        (of_kind("BadRequestError", "prompt is too long", status_code=400), causes.PROMPT_TOO_LARGE),
        (of_kind("AnyError", status_code=500, body={"detail": "down"}), causes.BACKEND),
        (of_kind("AnyError", status_code=500, code="context_length_exceeded"), causes.PROMPT_TOO_LARGE),
        (of_kind("AnyError", status_code=400, param="temperature"), causes.CONFIG_ENTRY),
        (TypeError("create() got an unexpected keyword argument 'x'"), causes.CONFIG_ENTRY),
        (ValueError("odd"), causes.CLIENT),
    ],
    ids=str,
)
def test_what_a_request_fails_with(error: Exception, decided: str) -> None:
    assert cause(error, scene=Scene.REQUEST) == decided


AGENT = "autogen.agentchat.conversable_agent"
EVENT = of_kind("APIError", "refused", code="rate_limit_exceeded")
CUT = of_kind("ReadError", "peer closed the connection")


@pytest.mark.parametrize(
    ("error", "read", "decided"),
    [
        (EVENT, stream(chunks=2, error=EVENT), causes.RATE_LIMIT),
        (because(RuntimeError("its own"), EVENT), stream(chunks=2, error=EVENT), causes.RATE_LIMIT),
        (CUT, stream(chunks=2, error=CUT), causes.STREAM_INTERRUPTED),
        (ValueError("elsewhere"), stream(), causes.CONFIG_ENTRY),
        (ValueError("elsewhere"), stream(exhausted=True), causes.STREAM_INTERRUPTED),
        (ValueError("elsewhere"), stream(chunks=1, exhausted=True), causes.STREAM_INTERRUPTED),
        (ValueError("elsewhere"), stream(chunks=1, finished=True, exhausted=True), causes.CLIENT),
        (raised_in("openai._streaming"), stream(chunks=1), causes.BACKEND),
    ],
)
def test_what_a_streamed_request_fails_with(error: Exception, read: Any, decided: str) -> None:
    assert cause(error, scene=Scene.REQUEST, stream=read) == decided


@pytest.mark.parametrize(
    ("error", "known", "decided"),
    [
        (raised_in("mine"), {}, causes.CALLBACK),
        (raised_in("mine"), {"scene": Scene.SELECTION}, causes.CALLBACK),
        (raised_in("mine"), {"scene": Scene.CODE}, causes.CODE_EXECUTION),
        (raised_in("autogen.agentchat"), {}, causes.UNKNOWN),
        (raised_in("autogen.agentchat"), {"was_answered": True}, causes.BACKEND),
        (raised_in(AGENT, "generate_tool_calls_reply"), {"has_tool_calls": True}, causes.TOOL_ARGUMENTS),
        (raised_in(AGENT, "send"), {"has_tool_calls": True}, causes.UNKNOWN),
        (
            raised_in("autogen.agentchat"),
            {"odd_answer": OddAnswer(causes.RATE_LIMIT, "odd")},
            causes.RATE_LIMIT,
        ),
        (raised_in("autogen.agentchat"), {"scene": Scene.SELECTION}, causes.ORCHESTRATION),
        (raised_in("requests.api"), {}, causes.UNKNOWN),
        (raised_in("autogen.cache.redis_cache"), {"scene": Scene.MODEL_CALL}, causes.CALLBACK),
        (raised_in("autogen.oai.client"), {"scene": Scene.MODEL_CALL}, causes.UNKNOWN),
        (raised_in("autogen.oai.client"), {"scene": Scene.MODEL_CALL, "was_answered": True}, causes.BACKEND),
        (
            raised_in("autogen.oai.client"),
            {"scene": Scene.MODEL_CALL, "was_answered": True, "has_custom_client": True},
            causes.CLIENT,
        ),
        (TimeoutError(), {"was_answered": True}, causes.TIMEOUT),
    ],
)
def test_whose_code_and_what_it_was_given(error: Exception, known: dict[str, Any], decided: str) -> None:
    assert cause(error, **known) == decided


@pytest.mark.parametrize(
    ("status", "said", "carried", "decided"),
    [
        (400, ProviderError("roles must alternate"), 0, causes.CLIENT),
        (400, ProviderError("roles must alternate"), 3, causes.STALE_STATE),
        (503, ProviderError("roles must alternate"), 3, causes.BACKEND),
        (302, ProviderError(), 0, causes.CONFIG_ENTRY),
        (200, ProviderError("?", code="503"), 0, causes.BACKEND),
        (200, ProviderError("Too many requests"), 0, causes.RATE_LIMIT),
        (None, ProviderError("upstream request timeout"), 0, causes.TIMEOUT),
        (504, ProviderError(None, type="server_error"), 0, causes.TIMEOUT),
        (403, ProviderError("blocked", code="content_filter"), 0, causes.CONTENT_FILTER),
        (599, ProviderError(), 0, causes.BACKEND),
        # Words that say something else in another place.
        (
            429,
            ProviderError("exceeds the token rate limit of your tier", "rate_limit_exceeded"),
            0,
            causes.RATE_LIMIT,
        ),
        (429, ProviderError("exceeds the model requests per minute"), 0, causes.RATE_LIMIT),
        (403, ProviderError("Access terminated, see our usage policies"), 0, causes.CONFIG_ENTRY),
        (404, ProviderError("Model safety system-1 not found"), 0, causes.CONFIG_ENTRY),
        (400, ProviderError("array too long", parameter="tools"), 0, causes.CLIENT),
        (400, ProviderError("Invalid 'messages[2].name': string too long"), 0, causes.CLIENT),
        (503, ProviderError("reset reason: connection timeout"), 0, causes.BACKEND),
        (418, ProviderError(), 0, causes.CLIENT),
    ],
)
def test_what_an_answer_stands_for(
    status: int | None, said: ProviderError, carried: int, decided: str
) -> None:
    assert cause_of_answer(status, said, carried) == decided


@pytest.mark.parametrize(
    "parsed", [None, 7, [], [1], {}, {"error": None}, {"error": 7}, {"error": []}, {"detail": [[[[[[1]]]]]]}]
)
def test_no_body_is_too_odd(parsed: Any) -> None:
    assert error_in(parsed).message is None


def test_what_the_program_itself_ends_with() -> None:
    assert is_cancellation(KeyboardInterrupt())
    assert is_cancellation(GeneratorExit())
    assert not is_cancellation(SystemExit())
    # Nobody can cancel what runs on a thread without a loop.
    assert not is_cancellation(asyncio.CancelledError())


@pytest.mark.needs(sys.version_info >= (3, 11), "older versions do not say who cancelled")
def test_a_task_that_somebody_cancels_is_cancelled_and_one_that_raises_so_is_not() -> None:
    def judged() -> bool:
        return is_cancellation(asyncio.CancelledError())

    async def own() -> bool:
        return judged()

    async def others() -> bool:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return judged()
        return False

    async def run() -> tuple[bool, bool]:
        task = asyncio.create_task(others())
        await asyncio.sleep(0)
        task.cancel()
        return await own(), await task

    assert asyncio.run(run()) == (False, True)


@pytest.mark.needs(sys.version_info >= (3, 11), "older versions have no groups")
def test_the_members_of_a_group_are_behind_it() -> None:
    group: Any = getattr(builtins, "BaseExceptionGroup", None)
    member = of_kind("RateLimitError", status_code=429)
    assert member in chain(group("several", [ValueError("other"), member]))
    assert cause(group("several", [member])) == causes.RATE_LIMIT
    assert is_cancellation(group("all", [KeyboardInterrupt()]))
    assert not is_cancellation(group("some", [KeyboardInterrupt(), ValueError()]))
