"""The README as an index of packages shows it, where no file of the repository is beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_PICTURE = re.compile(r"!\[([^\]]*)\]\((?!\w+:)([^)\s]+)\)")
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!\w+:|#)([^)\s#]+)(?:#[^)]*)?\)")
_SAYS_WHERE = "*Pictures and pages that are named here are in the source distribution.*\n\n"


class Readme(MetadataHookInterface):
    """Pictures and relative links would lead nowhere: it names the files instead.

    The project has no address yet; once it has one, let them lead there.
    """

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the description.

        Args:
            metadata: the ``project`` table.
        """
        text = (Path(self.root) / "README.md").read_text("utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": for_an_index(text)}


def for_an_index(text: str) -> str:
    """Name the files that pictures and links lead to."""
    title, _, rest = text.partition("\n\n")
    named = _LINK.sub(r"\1 (`\2`)", _PICTURE.sub(r"*Picture: \1 (`\2`)*", rest))
    return f"{title}\n\n{_SAYS_WHERE}{named}"
