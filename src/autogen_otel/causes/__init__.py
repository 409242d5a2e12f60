"""Why calls fail: failures, and the cause that an exception or a status stands for."""

from autogen_otel.causes.chain import chain
from autogen_otel.causes.failure import Failure, PrintedError

__all__ = ["Failure", "PrintedError", "chain"]
