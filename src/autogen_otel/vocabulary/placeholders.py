"""The text that replaces a value which a setting keeps out."""

from typing import Final

NOT_RECORDED: Final = "(not recorded)"
"""Says that there was a value."""
