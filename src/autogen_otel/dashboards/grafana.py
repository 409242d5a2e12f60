"""Grafana's HTTP API, as far as installing dashboards needs it."""

from __future__ import annotations

import base64
import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from autogen_otel.dashboards.looks import Json

FOLDER: Final = "autogen-otel"
TOKEN: Final = "GRAFANA_TOKEN"  # noqa: S105 - the name of a variable
LOGIN: Final = "GRAFANA_AUTH"
_SECONDS: Final = 15.0
_HIDDEN: Final = "***"


class GrafanaError(Exception):
    """Grafana cannot be asked, or does not do what it was asked.

    Args:
        sentence: what is wrong and what to do about it; without credentials.
    """


class Grafana:
    """A Grafana.

    Args:
        url: its address; may have a path.
        environ: with ``GRAFANA_TOKEN``, or ``GRAFANA_AUTH`` as ``user:password``, or neither.

    Raises:
        GrafanaError: the address or the credentials cannot be used.
    """

    def __init__(self, url: str, environ: Mapping[str, str] = os.environ) -> None:
        parts = _parts(url)
        if parts.username or parts.password:
            raise GrafanaError(
                f"Credentials in an address end up in logs: give Grafana's address without them, and set"
                f" {TOKEN}, or {LOGIN} to user:password."
            )
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise GrafanaError(
                f"{url!r} is not the address of a Grafana: it looks like http://localhost:3000."
            )
        self.url = url.rstrip("/")
        self._secret = environ.get(TOKEN) or environ.get(LOGIN) or ""
        self._headers = {"Accept": "application/json", "User-Agent": "autogen-otel"}
        if self._secret:
            self._headers["Authorization"] = _authorization(environ)
        self._opener = urllib.request.build_opener(_NoRedirects)

    def check(self) -> str:
        """Make sure that a Grafana is there.

        Returns:
            Its version, as far as it tells.

        Raises:
            GrafanaError: there is none.
        """
        status, answer = self._ask("GET", "/api/health")
        if status != HTTPStatus.OK or not isinstance(answer, dict) or "database" not in answer:
            raise GrafanaError(
                f"{self.url} answers, but not as Grafana does (HTTP {status} to /api/health):"
                " is it the right address, with the path that Grafana is served under?"
            )
        return _shown(answer.get("version"))

    def make_folder(self) -> None:
        """Make the folder of the dashboards, unless it is there.

        Raises:
            GrafanaError: Grafana refused.
        """
        status, answer = self._ask("GET", f"/api/folders/{FOLDER}")
        if status == HTTPStatus.NOT_FOUND:
            status, answer = self._ask("POST", "/api/folders", {"uid": FOLDER, "title": FOLDER})
            # Somebody else made it in the meantime.
            if status in {HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED}:
                return
        self._expect(status, answer, f"the folder {FOLDER}")

    def install(self, dashboard: Json) -> str:
        """Put a dashboard into the folder, in place of an older one with its uid.

        Args:
            dashboard: as ``Dashboard.model`` makes it.

        Returns:
            Its address.

        Raises:
            GrafanaError: Grafana refused.
        """
        body = {
            "dashboard": {**dashboard, "id": None},
            "folderUid": FOLDER,
            "overwrite": True,
            "message": "autogen-otel dashboards",
        }
        status, answer = self._ask("POST", "/api/dashboards/db", body)
        self._expect(status, answer, f"the dashboard {dashboard['uid']}")
        # The path in the answer begins with the one that Grafana is served under.
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}{_shown(answer.get('url')) or '/d/' + dashboard['uid']}"

    def _expect(self, status: int, answer: Any, what: str) -> None:
        if status == HTTPStatus.OK and isinstance(answer, dict):
            return
        said = _shown(answer.get("message")) if isinstance(answer, dict) else ""
        raise GrafanaError(self._redacted(_refusal(status, said, what, self.url)))

    def _ask(self, method: str, path: str, body: Json | None = None) -> tuple[int, Any]:
        headers, data = self._headers, None
        if body is not None:
            headers, data = {**headers, "Content-Type": "application/json"}, json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            self.url + path, data, headers, method=method
        )
        try:
            with self._opener.open(request, timeout=_SECONDS) as response:
                return response.status, _parsed(response.read())
        except urllib.error.HTTPError as error:
            with error:
                if error.code in range(HTTPStatus.MULTIPLE_CHOICES, HTTPStatus.BAD_REQUEST):
                    raise GrafanaError(self._moved(error)) from None
                return error.code, _parsed(error.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise GrafanaError(self._redacted(f"{self.url} does not answer: {_why(error)}.")) from None

    def _moved(self, error: urllib.error.HTTPError) -> str:
        target = _shown(error.headers.get("Location"))
        # Following it would hand the credentials to whoever it names.
        return self._redacted(
            f"{self.url} redirects to {target}: give the address that Grafana has in the end."
        )

    def _redacted(self, text: str) -> str:
        if not self._secret:
            return text
        sent = self._headers["Authorization"].split(" ", 1)[1]
        return text.replace(self._secret, _HIDDEN).replace(sent, _HIDDEN)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _parts(url: str) -> Any:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        # Without the text, which may hold a password.
        raise GrafanaError("This is not an address; one looks like http://localhost:3000.") from None
    return parts


def _authorization(environ: Mapping[str, str]) -> str:
    token, login = environ.get(TOKEN), environ.get(LOGIN) or ""
    if token:
        if not token.isascii() or not token.isprintable() or " " in token:
            raise GrafanaError(f"{TOKEN} holds something that is not a token: no spaces, no line breaks.")
        return f"Bearer {token}"
    if ":" not in login:
        raise GrafanaError(f"{LOGIN} has to be user:password; for a token set {TOKEN}.")
    return "Basic " + base64.b64encode(login.encode()).decode()


def _refusal(status: int, said: str, what: str, url: str) -> str:
    details = f" It says: {said}." if said else ""
    if status == HTTPStatus.UNAUTHORIZED:
        return (
            f"{url} does not accept the credentials: set {TOKEN} to the token of a service account with the"
            f" role Editor, or {LOGIN} to user:password.{details}"
        )
    if status == HTTPStatus.FORBIDDEN:
        return f"{url} does not allow these credentials to write {what}: they need the role Editor.{details}"
    if status == HTTPStatus.PRECONDITION_FAILED:
        return (
            f"{url} did not replace {what}, because it belongs to something else or somebody changed it at"
            f" the same moment.{details}"
        )
    return f"{url} did not take {what} (HTTP {status}).{details}"


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _shown(said: object) -> str:
    """Text of the other side, which could use control characters to take over the terminal."""
    return "".join(c if c.isprintable() else " " for c in said).strip() if isinstance(said, str) else ""


def _why(error: BaseException) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return "no answer in time"
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
