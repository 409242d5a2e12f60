"""Why calls fail: the one owner of the causes in ``vocabulary.causes``."""

from autogen_otel.causes.chain import chain, is_cancellation
from autogen_otel.causes.decision import Circumstances, Oddity, Scene, decide
from autogen_otel.causes.failure import Callback, Failure, PrintedError

__all__ = [
    "Callback",
    "Circumstances",
    "Failure",
    "Oddity",
    "PrintedError",
    "Scene",
    "chain",
    "decide",
    "is_cancellation",
]
