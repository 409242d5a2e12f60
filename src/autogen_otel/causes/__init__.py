"""Why calls fail: the one owner of the causes in ``vocabulary.causes``."""

from autogen_otel.causes.decision import CANCELLED, Circumstances, OddAnswer, Scene, decide, was_lost
from autogen_otel.causes.failure import Callback, Failure, PrintedError
from autogen_otel.causes.links import chain, contexts, identity, is_cancellation

__all__ = [
    "CANCELLED",
    "Callback",
    "Circumstances",
    "Failure",
    "OddAnswer",
    "PrintedError",
    "Scene",
    "chain",
    "contexts",
    "decide",
    "identity",
    "is_cancellation",
    "was_lost",
]
