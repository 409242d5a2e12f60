"""A Grafana on loopback, as far as its HTTP API for dashboards goes."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from typing_extensions import Self

TOKEN = "glsa_FAKE0TOKEN0OF0A0TEST_00000000"
LOGIN = "admin:planted password"
_ALLOWED = {f"Bearer {TOKEN}", "Basic " + base64.b64encode(LOGIN.encode()).decode()}


@dataclass
class FakeGrafana:
    """A server for one ``with`` block.

    Args:
        answers: what to answer instead, by path: status, body and headers.
        prefix: path that it is served under.
    """

    answers: dict[str, tuple[int, bytes, dict[str, str]]] = field(default_factory=dict)
    prefix: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    folders: dict[str, Any] = field(default_factory=dict)
    saved: dict[str, Any] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._http.server_port}{self.prefix}"

    def answer(self, method: str, path: str, authorization: str, body: Any) -> tuple[int, Any]:
        """What Grafana says to a request."""
        if path == "/api/health":
            return 200, {"database": "ok", "version": "13.2.3"}
        if authorization not in _ALLOWED:
            return 401, {"message": "Invalid API key"}
        if method == "GET" and path.startswith("/api/folders/"):
            result = self.folders.get(path.removeprefix("/api/folders/"))
            return (404, {"message": "folder not found"}) if result is None else (200, result)
        if (method, path) == ("POST", "/api/folders"):
            self.folders[body["uid"]] = body
            return 200, body
        if (method, path) == ("POST", "/api/dashboards/db"):
            return self._save(body)
        return 404, {"message": "Not found"}

    def _save(self, body: Any) -> tuple[int, Any]:
        uid = body["dashboard"]["uid"]
        if uid in self.saved and not body["overwrite"]:
            return 412, {"message": "A dashboard with the same uid already exists", "status": "name-exists"}
        if body["folderUid"] not in self.folders:
            return 400, {"message": "folder not found"}
        self.saved[uid] = body["dashboard"]
        return 200, {"status": "success", "uid": uid, "url": f"{self.prefix}/d/{uid}/slug"}


def _handler(grafana: FakeGrafana) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            path = urlsplit(self.path).path.removeprefix(grafana.prefix)
            grafana.asked.append((self.command, path))
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if path in grafana.answers:
                status, body, headers = grafana.answers[path]
            else:
                said = grafana.answer(
                    self.command, path, self.headers.get("Authorization", ""), json.loads(sent or b"null")
                )
                status, body, headers = said[0], json.dumps(said[1]).encode(), {}
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self._reply()

        def do_POST(self) -> None:
            self._reply()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
