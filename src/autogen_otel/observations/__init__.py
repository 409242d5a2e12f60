"""The seam between AutoGen and OpenTelemetry: what happened, as frozen dataclasses.

An operation says at the start of a call what it knows, and at the end returns the same observation with
more fields set (``dataclasses.replace``). A field that is ``None`` is not known and is not recorded.
Neither side of the seam knows the other: operations know no OpenTelemetry, recording knows no AutoGen.
"""

from autogen_otel.observations.conversations import (
    AgentTurn,
    Conversation,
    Handoff,
    HumanInput,
    SelectionStep,
    Summary,
)
from autogen_otel.observations.model_calls import (
    ApiRequest,
    AssistantRun,
    Cost,
    Entry,
    EntryTried,
    Exchange,
    Fallback,
    HttpAttempt,
    ModelCall,
    PromptSize,
    RequestOptions,
    RunPolled,
    StreamRead,
    Usage,
)
from autogen_otel.observations.seam import (
    Content,
    ContentKind,
    Failure,
    MessagePolicy,
    Observation,
    PrintedError,
    Recorder,
    Recording,
)
from autogen_otel.observations.tool_calls import (
    ArgumentProblem,
    CodeLocation,
    CodeRun,
    ToolCall,
)

__all__ = [
    "AgentTurn",
    "ApiRequest",
    "ArgumentProblem",
    "AssistantRun",
    "CodeLocation",
    "CodeRun",
    "Content",
    "ContentKind",
    "Conversation",
    "Cost",
    "Entry",
    "EntryTried",
    "Exchange",
    "Failure",
    "Fallback",
    "Handoff",
    "HttpAttempt",
    "HumanInput",
    "MessagePolicy",
    "ModelCall",
    "Observation",
    "PrintedError",
    "PromptSize",
    "Recorder",
    "Recording",
    "RequestOptions",
    "RunPolled",
    "SelectionStep",
    "StreamRead",
    "Summary",
    "ToolCall",
    "Usage",
]
