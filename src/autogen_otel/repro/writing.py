"""The whole file: a docstring that says where it comes from, and the test."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Final

from autogen_otel.diagnosis.evidence.occurrence import MODEL, Occurrence
from autogen_otel.repro.failure import Context, NotReproducibleError
from autogen_otel.repro.models import model_test
from autogen_otel.repro.source import docstring
from autogen_otel.repro.tools import tool_test
from autogen_otel.repro.values import Values
from autogen_otel.traces.failures import stack_of, what_was_raised
from autogen_otel.traces.stacktrace import raising_user_frame
from autogen_otel.traces.trace import NS, Span, Trace
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes
from autogen_otel.vocabulary import spans as span_names

_REASONS: Final = {
    causes.STALE_STATE: "The history that was refused was made by your program over several conversations, "
    "and a request that repeats it fails whatever you fix; hold the conversations again in a test with "
    "scripted_model and assert_no_hidden_failures.",
    causes.CODE_EXECUTION: "Code that the model wrote failed, and a test that holds it would run it.",
    causes.CALLBACK: "A function of yours that AutoGen calls raised, and what it was called with "
    "is not recorded.",
    causes.ORCHESTRATION: "How a speaker is chosen depends on the whole conversation; "
    "hold it again in a test with scripted_model and assert_no_hidden_failures.",
}

_CANNOT_BE_SENT: Final = "UnicodeEncodeError"


def write_test(trace: Trace, occurrence: Occurrence, context: Context) -> str:
    """Write the test of a failure.

    Args:
        trace: the conversation in which it happened.
        occurrence: the failure, one of the trace's, as the context diagnoses it.
        context: the conversations to compare it with, and the options.

    Returns:
        The source of a test file.

    Raises:
        NotReproducibleError: no honest test can be written.
    """
    span = trace.span(occurrence.span_id)
    if span is None:
        raise NotReproducibleError("The span of the failure is not in the trace.")
    event = span.exception
    if event is not None and event.attributes.get(names.EXCEPTION_TYPE) == _CANNOT_BE_SENT:
        raise NotReproducibleError(
            "What could not be encoded (half of a surrogate pair) cannot be recorded either, so a test would"
            " ask without it and pass."
        )
    if occurrence.cause in _REASONS:
        raise NotReproducibleError(_REASONS[occurrence.cause])
    values = Values()
    if span.operation == span_names.EXECUTE_TOOL:
        body, remarks = tool_test(span, occurrence, context, values)
    elif occurrence.kind == MODEL:
        body, remarks = model_test(trace, occurrence, context, values)
    else:
        raise NotReproducibleError(
            f"What failed ({values.words(span.name)}) is no call of a tool or a model, "
            "and nothing else can be called again."
        )
    return f"{_header(span, occurrence, remarks, values)}\n\n{body}\n"


def _header(span: Span, occurrence: Occurrence, remarks: list[str], values: Values) -> str:
    recorded_at = datetime.fromtimestamp(span.start_ns // NS, timezone.utc)
    program = f" by {values.words(span.service)}" if span.service else ""
    return docstring(
        f"Reproduces a failure that was recorded: {values.words(_title(occurrence))}.",
        [
            _failure_lines(span, values),
            [
                f"Written by autogen-otel repro from span {span.span_id}",
                f"of trace {span.trace_id},",
                f"recorded on {recorded_at:%Y-%m-%d at %H:%M:%S} UTC{program}.",
            ],
            ["It fails as long as the cause is there, and passes once it is fixed.", *remarks],
        ],
    )


def _title(occurrence: Occurrence) -> str:
    subject = occurrence.subject
    if occurrence.kind == MODEL:
        return f"{occurrence.cause} of {subject.get('model', 'a model')}, entry {subject.get('entry', 0)}"
    return f"{occurrence.cause} of the tool {subject.get('tool', '')}"


def _failure_lines(span: Span, values: Values) -> list[str]:
    message, is_tool = what_was_raised(span), span.operation == span_names.EXECUTE_TOOL
    # The stack of an HTTP attempt says where the program was, which tells nothing here.
    frame = raising_user_frame(stack_of(span.exception)) if is_tool else None
    request = span.attributes.get(names.HTTP_REQUEST_ID)
    return [
        *([f"    {values.words(message)}"] if message else []),
        *([f"    {values.words(frame.location)}"] if frame is not None else []),
        *([f"    request {values.words(request)}"] if request else []),
    ]
