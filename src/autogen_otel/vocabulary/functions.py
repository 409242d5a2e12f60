"""Values of ``autogen.tool.function.kind``: whether a tool's function can be imported and called."""

from typing import Final

FUNCTION: Final = "function"
"""The module has it under its name: a function, a static or class method, or a class."""
CLOSURE: Final = "closure"
LAMBDA: Final = "lambda"
BOUND_METHOD: Final = "bound_method"
CALLABLE_OBJECT: Final = "callable_object"
PARTIAL: Final = "partial"
BUILTIN: Final = "builtin"
CONVERSATION_STATE: Final = "conversation_state"
INTERACTIVE: Final = "interactive"
UNREACHABLE: Final = "unreachable"
