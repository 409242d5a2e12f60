"""The plugin of pytest: three fixtures, which load what they need only where a test asks for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from autogen_otel.testing.replies import Reply
from autogen_otel.testing.server import ScriptedServer
from autogen_otel.testing.wire import ChatRequest

if TYPE_CHECKING:
    from autogen_otel.testing.spans import AutoGenSpans


class ScriptedModel(Protocol):
    """The type of the fixture ``scripted_model``."""

    def __call__(self, *script: Reply | Callable[[ChatRequest], Reply]) -> ScriptedServer:
        """Start a server, which ends with the test.

        Args:
            script: the replies in order, or one function from the request to its reply.
        """


class NoHiddenFailures(Protocol):
    """The type of the fixture ``assert_no_hidden_failures``."""

    def __call__(self, *, allow: Collection[str] = ()) -> None:
        """Check what happened so far.

        Args:
            allow: causes that are no matter: ``rate_limit``, ``tool_exception`` ….

        Raises:
            AssertionError: something failed that AutoGen or the SDK kept to itself; the message has each.
        """


@pytest.fixture
def scripted_model() -> Iterator[ScriptedModel]:
    """Start OpenAI-compatible servers that answer, and fail, as the test says.

    The test fails in the end if one was asked more than it had replies for.
    """
    with ExitStack() as stack:

        def start(*script: Any) -> ScriptedServer:
            is_function = len(script) == 1 and callable(script[0])
            return stack.enter_context(ScriptedServer(script[0] if is_function else script))

        yield start


@pytest.fixture
def autogen_spans() -> Iterator[AutoGenSpans]:
    """Record what AutoGen does in the test, and send it nowhere."""
    from autogen_otel.testing.spans import AutoGenSpans  # noqa: PLC0415 - brings in OpenTelemetry

    spans = AutoGenSpans()
    with spans.recording():
        yield spans


@pytest.fixture
def assert_no_hidden_failures(autogen_spans: AutoGenSpans) -> Iterator[NoHiddenFailures]:
    """Check for failures that AutoGen or the SDK kept to itself: when it is called, else at the end."""
    was_called = False

    def check(*, allow: Collection[str] = ()) -> None:
        nonlocal was_called
        __tracebackhide__ = was_called = True
        failures = autogen_spans.hidden_failures(allow)
        if failures:
            lines = "".join(f"\n  {failure}" for failure in failures)
            raise AssertionError(f"hidden failures: {len(failures)}{lines}\n\n{autogen_spans.tree()}")

    yield check
    if not was_called:
        check()
