"""A real IPython kernel, as a notebook talks to it."""

from __future__ import annotations

import queue
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from jupyter_client.manager import KernelManager
from typing_extensions import Self

_SECONDS = 60.0


class Ran(NamedTuple):
    """What became of a cell."""

    status: str
    """``ok``, or ``error``."""
    exception: str
    """The name of the exception's class, where there was one."""
    stdout: str
    stderr: str


class Kernel:
    """A kernel inside a ``with`` block.

    Args:
        folder: it runs there.
        environ: its variables.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._manager = KernelManager(kernel_name="python3")
        self._options: dict[str, Any] = {"cwd": str(folder), "env": dict(environ)}

    def __enter__(self) -> Self:
        self._manager.start_kernel(**self._options)
        self._connect()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=exception is not None)

    def _connect(self) -> None:
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(_SECONDS)

    def run(self, cell: str) -> Ran:
        """Run a cell to its end."""
        return self._ended(self._client.execute(cell))

    def interrupted(self, cell: str, once_it_prints: str) -> Ran:
        """Run a cell, and press the stop button once it has printed something."""
        return self._ended(self._client.execute(cell), once_it_prints)

    def restart(self) -> None:
        """What the menu's *Restart* does."""
        self._client.stop_channels()
        self._manager.restart_kernel(**self._options)
        self._connect()

    def _ended(self, asked: str, interrupt_at: str = "") -> Ran:
        said = {"stdout": "", "stderr": ""}
        while True:
            try:
                message = self._client.get_iopub_msg(timeout=_SECONDS)
            except queue.Empty:
                raise AssertionError(f"the cell does not end; it wrote {said}") from None
            if message["parent_header"].get("msg_id") != asked:
                continue
            content = message["content"]
            if message["msg_type"] == "stream":
                said[content["name"]] += content["text"]
                if interrupt_at and interrupt_at in said["stdout"]:
                    interrupt_at = ""
                    self._manager.interrupt_kernel()
            elif message["msg_type"] == "status" and content["execution_state"] == "idle":
                break
        reply = self._client.get_shell_msg(timeout=_SECONDS)
        while reply["parent_header"].get("msg_id") != asked:
            reply = self._client.get_shell_msg(timeout=_SECONDS)
        return Ran(reply["content"]["status"], reply["content"].get("ename", ""), **said)
