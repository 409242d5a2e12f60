"""What commands draw with: rich where it is installed, else its plain replacement."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING or find_spec("rich") is not None:
    from rich.console import Console, Group
    from rich.table import Table
    from rich.text import Text
    from rich.tree import Tree
else:
    from autogen_otel.cli.text.plain import Console, Group, Table, Text, Tree

__all__ = ["Console", "Group", "Table", "Text", "Tree"]
