"""What `make docs` does beside mkdocs: files of the repository that pages link to become part of the site."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

_ROOT = Path(__file__).parents[1]
_LINK = re.compile(r"\]\(\.\./([^)#\s]+)")


def on_files(files: Files, config: Any) -> Files:
    """Add the files that stand outside docs/."""
    texts = [page.content_string for page in files.documentation_pages()]
    for path in sorted({path for text in texts for path in _LINK.findall(text)}):
        if (_ROOT / path).is_file():
            files.append(File.generated(config, _address(path), abs_src_path=str(_ROOT / path)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Let links lead to the files of the site; one into the void stays as it is, and mkdocs refuses it."""
    return _LINK.sub(
        lambda link: f"]({_address(link[1])}" if (_ROOT / link[1]).is_file() else link[0], markdown
    )


def _address(path: str) -> str:
    # As text: the site's theme would render Markdown as one more page.
    return f"files/{path}.txt" if path.endswith(".md") else f"files/{path}"
