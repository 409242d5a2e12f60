"""Which application a launcher runs: a service is called after it, not after ``gunicorn``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

_IMPORTED = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_][\w.]*)(\(.*\))?$")
_MODULE = re.compile(r"[A-Za-z_][\w.]*$")
_NO_MODULES: Final = frozenset({"python", "file", "unix", "fd", "egg"})
"""What gunicorn's options take before a colon."""


def _served(words: Sequence[str]) -> str | None:
    """The module in ``[options] module:attribute``, or the last word where the attribute may be left out."""
    matches = [(before, _IMPORTED.match(word)) for before, word in zip(["", *words], words, strict=False)]
    found = [(before, match[1]) for before, match in matches if match and match[1] not in _NO_MODULES]
    # The word after an option may be its value.
    free = [module for before, module in found if not before.startswith("-")]
    if free or found:
        return free[0] if free else found[-1][1]
    *before, last = ["", *words]
    is_module = _MODULE.match(last) and not last.endswith(".py")
    return last if is_module and not before[-1].startswith("-") else None


def _option(*names: str, variable: str) -> Callable[[Sequence[str]], str | None]:
    """The module that an option names, or an environment variable."""

    def find(words: Sequence[str]) -> str | None:
        for number, word in enumerate(words):
            option, equals, value = word.partition("=")
            if option in names:
                value = value if equals else "".join(words[number + 1 : number + 2])
                return _stem(value.partition(":")[0])
        return _stem(os.environ.get(variable, "").partition(":")[0]) or None

    return find


def _script(words: Sequence[str]) -> str | None:
    """The stem of the script in ``run [options] app.py``."""
    return next((Path(word).stem for word in words if word.endswith(".py")), None)


def _notebook(_words: Sequence[str]) -> str | None:
    """The stem of the notebook that a Jupyter server started the kernel for."""
    name = os.environ.get("JPY_SESSION_NAME", "")
    return Path(name).stem if name.endswith(".ipynb") else None


def _stem(module: str) -> str:
    return Path(module).stem if module.endswith(".py") else module


_LAUNCHERS: Final[Mapping[str, Callable[[Sequence[str]], str | None]]] = {
    **dict.fromkeys(("gunicorn", "uvicorn", "hypercorn", "daphne", "granian", "waitress-serve"), _served),
    "celery": _option("-A", "--app", variable="CELERY_APP"),
    "flask": _option("-A", "--app", variable="FLASK_APP"),
    **dict.fromkeys(("streamlit", "chainlit", "fastapi"), _script),
    **dict.fromkeys(("ipykernel_launcher", "ipykernel", "colab_kernel_launcher"), _notebook),
}


def launched(program: str, words: Sequence[str]) -> str | None:
    """Return the name of the application that a launcher runs, by its arguments or the environment.

    Args:
        program: the name of what was started.
        words: its arguments.

    Returns:
        ``None`` where the program is no launcher, or does not say what it runs.
    """
    find = _LAUNCHERS.get(program.lower())
    return find(words) or None if find is not None else None
