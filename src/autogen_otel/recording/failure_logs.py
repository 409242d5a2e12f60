"""Failures as log records: each exception once, where it was seen first, correlated with its span."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from opentelemetry._logs import Logger, SeverityNumber
from opentelemetry.context import Context

from autogen_otel.observations import AssistantRun, EntryTried, HttpAttempt, ModelCall, Observation
from autogen_otel.recording.log_records import sender
from autogen_otel.vocabulary import attributes as names

MODEL_EXCEPTION: Final = "gen_ai.client.operation.exception"
"""Event name of failed model calls, and of entries tried for them."""
OTHER_EXCEPTION: Final = "autogen.exception"
"""Event name of everything else that fails."""

_MODEL: Final = (ModelCall, EntryTried, AssistantRun)
_MAY_RECOVER: Final = (*_MODEL, HttpAttempt)
"""What is, or may be, tried again or fallen back from."""


class FailureLogs:
    """Makes a log record of each exception.

    Args:
        logger: where the records go.
    """

    ATTRIBUTES: Final = frozenset(
        {
            names.ERROR_TYPE,
            names.ERROR_ORIGIN,
            names.EXCEPTION_TYPE,
            names.EXCEPTION_MESSAGE,
            names.EXCEPTION_STACKTRACE,
            names.GEN_AI_OPERATION_NAME,
            names.GEN_AI_PROVIDER_NAME,
            names.GEN_AI_REQUEST_MODEL,
            names.GEN_AI_AGENT_NAME,
            names.GEN_AI_WORKFLOW_NAME,
            names.GEN_AI_CONVERSATION_ID,
            names.GEN_AI_TOOL_NAME,
            names.GEN_AI_TOOL_CALL_ID,
            names.SENDER_NAME,
            names.HELPER_ROLE,
            names.HANDOFF_FROM,
            names.HANDOFF_TO,
            names.HANDOFF_REASON,
            names.CONFIG_INDEX,
            names.CONFIG_COUNT,
            names.CONFIG_API_TYPE,
            names.PROMPT_CHARS,
            names.TOOL_FAILED_BEFORE,
            names.SERVER_ADDRESS,
            names.SERVER_PORT,
            names.HTTP_REQUEST_METHOD,
            names.HTTP_REQUEST_RESEND_COUNT,
            names.HTTP_RESPONSE_STATUS_CODE,
            names.HTTP_REQUEST_ID,
            names.HTTP_RETRY_AFTER_SECONDS,
            names.CODE_FUNCTION_NAME,
            names.CODE_FILE_PATH,
            names.CODE_LINE_NUMBER,
            names.CODE_LANGUAGE,
            names.CODE_EXIT_CODE,
            names.ASSISTANT_ID,
            names.ASSISTANT_THREAD_ID,
            names.ASSISTANT_RUN_ID,
            names.ASSISTANT_STATUS,
            names.ASSISTANT_ERROR_CODE,
        }
    )
    """What a record may have of its span: what failed and where, none of the user's data."""

    def __init__(self, logger: Logger) -> None:
        self._send = sender(logger)

    def emit(
        self,
        observation: Observation,
        attributes: Mapping[str, Any],
        context: Context,
        *,
        error: object,
        told: set[int],
        above: set[int] | None,
    ) -> None:
        """Make the record of a failure, unless a call below has made it of the same exception.

        What the application itself gets to see always has one, so that each failure that nothing could mend
        is an ERROR somewhere; where the exception was told before, it is not told again with its stack.

        Args:
            observation: what failed; its type decides the event's name and severity.
            attributes: of the span, with those of the failure; all of them redacted.
            context: the one in which the span is the current one.
            error: the exception, of which nothing is kept; ``None`` where there is none.
            told: the exceptions that the calls directly below have failed with.
            above: the same of the call around; ``None`` for the outermost.
        """
        message = str(attributes.get(names.EXCEPTION_MESSAGE, ""))
        if error is not None:
            # An id alone may be that of an exception which is gone; with its words it tells the same anyway.
            key = hash((id(error), attributes.get(names.EXCEPTION_TYPE), message))
            if above is not None:
                above.add(key)
            if key in told and above is not None:
                return
            if key in told:
                attributes = {
                    one: value for one, value in attributes.items() if one != names.EXCEPTION_STACKTRACE
                }
        # What the outermost call fails with is what the application gets.
        may_recover = isinstance(observation, _MAY_RECOVER) and above is not None
        self._send(
            timestamp=time.time_ns(),
            context=context,
            severity_number=SeverityNumber.WARN if may_recover else SeverityNumber.ERROR,
            severity_text="WARN" if may_recover else "ERROR",
            body=message,
            attributes={key: value for key, value in attributes.items() if key in self.ATTRIBUTES},
            event_name=MODEL_EXCEPTION if isinstance(observation, _MODEL) else OTHER_EXCEPTION,
        )
