"""Values of ``error.type`` for executed code that failed without an exception in its output."""

from typing import Final

EXIT_CODE: Final = "exit_code_"
"""Prefix of the exit code."""
TIMEOUT: Final = "timeout"
UNKNOWN_LANGUAGE: Final = "unknown_language"
