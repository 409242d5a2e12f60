"""An application for WSGI and for ASGI servers: each request is a conversation with the agent in its path."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import Any

import autogen_otel

autogen_otel.instrument()

from tests.support.short_chats import hold  # noqa: E402 - agents come after the one line


def _answer() -> str:
    # What is forked here only starts another program.
    subprocess.run(["true"], check=True)  # noqa: S607 - of the system
    return "done"


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    name = environ["PATH_INFO"].strip("/")
    if name:
        hold(name, _answer)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        # There is no later moment.
        await asyncio.to_thread(hold, "last", _answer)
        await send({"type": "lifespan.shutdown.complete"})
        return
    name = scope["path"].strip("/")
    if name:
        await asyncio.to_thread(hold, name, _answer)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(asgi, port=int(sys.argv[1]))
