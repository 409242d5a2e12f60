"""What stands in place of a value that a setting keeps out."""

from typing import Final

NOT_RECORDED: Final = "(not recorded)"
"""Stands for a value that there was."""
