"""Grafana's HTTP API, as far as installing dashboards needs it."""

from __future__ import annotations

import base64
import http.client
import json
import os
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from autogen_otel.cli import CommandError

_FOLDER: Final = "autogen-otel"
_TOKEN: Final = "GRAFANA_TOKEN"  # noqa: S105 - the name of a variable
_LOGIN: Final = "GRAFANA_AUTH"
_TIMEOUT_SECONDS: Final = 15.0


class Grafana:
    """A Grafana; its failures are ``CommandError`` without credentials.

    Args:
        url: its address; may have a path.
        environ: has ``GRAFANA_TOKEN``, or ``GRAFANA_AUTH`` as ``user:password``, or neither.
    """

    def __init__(self, url: str, environ: Mapping[str, str] = os.environ) -> None:
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
        self._headers = {"Accept": "application/json", "User-Agent": "autogen-otel"}
        scheme, *self._secrets = _authorization(environ)
        if scheme:
            self._headers["Authorization"] = f"{scheme} {self._secrets[0]}"
        self._opener = urllib.request.build_opener(_EveryStatus)

    def check(self) -> str:
        """Make sure that the address is that of a Grafana; returns its version, empty if it does not say."""
        status, answer = self._request("GET", "/api/health")
        if status != HTTPStatus.OK or not isinstance(answer, dict) or "database" not in answer:
            raise CommandError(
                f"{self.url} answers, but not as Grafana does (HTTP {status} to /api/health):"
                " is it the right address, with the path that Grafana is served under?"
            )
        return _printable(answer.get("version"))

    def make_folder(self) -> None:
        """Make the folder of the dashboards, unless it exists."""
        status, answer = self._request("GET", f"/api/folders/{_FOLDER}")
        if status == HTTPStatus.NOT_FOUND:
            status, answer = self._request("POST", "/api/folders", {"uid": _FOLDER, "title": _FOLDER})
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
        status, answer = self._request("POST", "/api/dashboards/db", body)
        self._expect_ok(status, answer, f"the dashboard {dashboard['uid']}")
        # The path in the answer begins with the one that Grafana is served under.
        return self._origin + (_printable(answer.get("url")) or f"/d/{dashboard['uid']}")

    def _expect_ok(self, status: int, answer: Any, label: str) -> None:
        if status == HTTPStatus.OK and isinstance(answer, dict):
            return
        message = _printable(answer.get("message")) if isinstance(answer, dict) else ""
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

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        headers, data = self._headers, None
        if body is not None:
            headers, data = {**headers, "Content-Type": "application/json"}, json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            self.url + path, data, headers, method=method
        )
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
                status, answer = response.status, _parse_json(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise CommandError(self._redact(f"{self.url} does not answer: {_reason(error)}.")) from None
        if status in range(HTTPStatus.MULTIPLE_CHOICES, HTTPStatus.BAD_REQUEST):
            target = _printable(response.headers.get("Location"))
            problem = f"{self.url} redirects to {target}: give the address that Grafana has in the end."
            raise CommandError(self._redact(problem))
        return status, answer

    def _redact(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


class _EveryStatus(urllib.request.HTTPErrorProcessor):
    """Returns each response: to follow a redirect would hand the credentials to the server that it names."""

    def http_response(self, request: Any, response: Any) -> Any:  # noqa: ARG002 - named by the base class
        return response

    https_response = http_response


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


def _parse_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _printable(text: object) -> str:
    """The server's text without control characters, which could take over the terminal."""
    return (
        "".join(character if character.isprintable() else " " for character in text).strip()
        if isinstance(text, str)
        else ""
    )


def _reason(error: BaseException) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return "no answer in time"
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
