"""Grafana's HTTP API, as far as installing dashboards needs it."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from autogen_otel.cli import CommandError
from autogen_otel.plain_text import one_line
from autogen_otel.traces.sources.http import Client

_FOLDER: Final = "autogen-otel"
_TOKEN: Final = "GRAFANA_TOKEN"  # noqa: S105 - the name of a variable
_LOGIN: Final = "GRAFANA_AUTH"
_TIMEOUT_SECONDS: Final = 15.0


class Grafana:
    """A Grafana; its failures are ``CommandError`` and ``SourceError``, without credentials.

    Args:
        url: its address; may have a path.
        environ: has ``GRAFANA_TOKEN``, or ``GRAFANA_AUTH`` as ``user:password``, or neither.
        authorities: as ``Client`` takes them.
    """

    def __init__(
        self, url: str, environ: Mapping[str, str] = os.environ, authorities: str | None = None
    ) -> None:
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError:
            # The message leaves out the text, which may hold a password.
            raise CommandError("This is not an address; one looks like http://localhost:3000.") from None
        if parts.username or parts.password:
            raise CommandError(
                f"Credentials in an address end up in logs: give Grafana's address without them, and set"
                f" {_TOKEN}, or {_LOGIN} to user:password."
            )
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise CommandError(
                f"{url!r} is not the address of a Grafana: it looks like http://localhost:3000."
            )
        self.url = url.rstrip("/")
        self._origin = f"{parts.scheme}://{parts.netloc}"
        headers = {"User-Agent": "autogen-otel"}
        scheme, *self._secrets = _authorization(environ)
        if scheme:
            headers["Authorization"] = f"{scheme} {self._secrets[0]}"
        self._client = Client("Grafana", self.url, headers, _TIMEOUT_SECONDS, authorities)

    def check(self) -> str:
        """Make sure that the address is that of a Grafana; returns its version, empty if it does not say."""
        status, answer = self._client.exchange("GET", "/api/health")
        if status != HTTPStatus.OK or not isinstance(answer, dict) or "database" not in answer:
            raise CommandError(
                f"{self.url} answers, but not as Grafana does (HTTP {status} to /api/health):"
                " is it the right address, with the path that Grafana is served under?"
            )
        return _words(answer.get("version"))

    def make_folder(self) -> None:
        """Make the folder of the dashboards, unless it exists."""
        status, answer = self._client.exchange("GET", f"/api/folders/{_FOLDER}")
        if status == HTTPStatus.NOT_FOUND:
            status, answer = self._client.exchange("POST", "/api/folders", {"uid": _FOLDER, "title": _FOLDER})
            # Somebody else made it in the meantime.
            if status in {HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED}:
                return
        self._expect_ok(status, answer, f"the folder {_FOLDER}")

    def install(self, dashboard: Mapping[str, Any]) -> str:
        """Put a dashboard into the folder, in place of an older one with its uid; returns its address."""
        body = {
            "dashboard": {**dashboard, "id": None},
            "folderUid": _FOLDER,
            "overwrite": True,
            "message": "autogen-otel dashboards",
        }
        status, answer = self._client.exchange("POST", "/api/dashboards/db", body)
        self._expect_ok(status, answer, f"the dashboard {dashboard['uid']}")
        # The path in the answer begins with the one that Grafana is served under.
        return self._origin + (_words(answer.get("url")) or f"/d/{dashboard['uid']}")

    def _expect_ok(self, status: int, answer: Any, label: str) -> None:
        if status == HTTPStatus.OK and isinstance(answer, dict):
            return
        message = _words(answer.get("message")) if isinstance(answer, dict) else ""
        details = f" It says: {message}." if message else ""
        problems: dict[int, str] = {
            HTTPStatus.UNAUTHORIZED: (
                f"does not accept the credentials: set {_TOKEN} to the token of a service account with the"
                f" role Editor, or {_LOGIN} to user:password."
            ),
            HTTPStatus.FORBIDDEN: (
                f"does not allow these credentials to write {label}: they need the role Editor."
            ),
            HTTPStatus.PRECONDITION_FAILED: (
                f"did not replace {label}, because it belongs to something else or somebody changed it at"
                " the same moment."
            ),
        }
        problem = problems.get(status, f"did not take {label} (HTTP {status}).")
        raise CommandError(self._redact(f"{self.url} {problem}{details}"))

    def _redact(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def _authorization(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The scheme, the credentials as they are sent, and as the user gave them; an empty scheme for none."""
    token, login = environ.get(_TOKEN), environ.get(_LOGIN)
    if token:
        if not token.isascii() or not token.isprintable() or " " in token:
            raise CommandError(f"{_TOKEN} holds something that is not a token: no spaces, no line breaks.")
        return "Bearer", token
    if not login:
        return ("",)
    if ":" not in login:
        raise CommandError(f"{_LOGIN} has to be user:password; for a token set {_TOKEN}.")
    return "Basic", base64.b64encode(login.encode()).decode(), login


def _words(text: object) -> str:
    """The server's text in a line."""
    return one_line(text) if isinstance(text, str) else ""
