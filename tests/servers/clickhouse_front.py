"""ClickHouse's HTTP interface before its engine, which runs in this process, as far as the tests need it.

``python -m tests.servers.clickhouse_front FOLDER PORT`` serves the database in a folder. No registry has
the server of ClickHouse, but its engine is one package, ``chdb-core``.
"""

from __future__ import annotations

import base64
import json
import sys
import urllib.parse
from email import policy
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

from chdb import session

from tests.servers.clickhouse_access import PASSWORD, USER

_FORMAT = "JSONCompactEachRow"
_LONGEST_FIELD = 131_072
"""``http_max_field_value_size``, as it is where nobody has set it."""


class _Front(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engine: ClassVar[Any]
    session_id: ClassVar[str] = ""

    def do_GET(self) -> None:
        self._end(200, b"Ok.\n")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self._may_enter():
            self._end(403, b"Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)")
            return
        given = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query, keep_blank_values=True))
        fields = self._fields(body)
        if any(len(value.encode()) > _LONGEST_FIELD for value in fields.values()):
            self._end(400, b"Code: 1000. DB::Exception: HTML Form Exception: Field value too long")
            return
        given |= fields
        sql = given.pop("query", "") or body.decode()
        parameters = {
            name.removeprefix("param_"): value for name, value in given.items() if name.startswith("param_")
        }
        try:
            self._enter_session(given.get("session_id", ""))
            chunks = iter(self._answer(sql, parameters))
            first = next(chunks, b"")
        except RuntimeError as error:
            said = str(error).partition("\n")[0]
            self._end(404 if "UNKNOWN_TABLE" in said else 500, said.encode())
            return
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._chunk(first)
        try:
            for chunk in chunks:
                self._chunk(chunk)
        except RuntimeError as error:
            self._chunk(str(error).encode())
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what is asked has values in it."""

    def _fields(self, body: bytes) -> dict[str, str]:
        """What a form has, which is taken in the place of the address."""
        content_type = self.headers.get("Content-Type", "")
        if not content_type.startswith("multipart/form-data"):
            return {}
        parts = BytesParser(policy=policy.HTTP).parsebytes(
            f"Content-Type: {content_type}\r\n\r\n".encode() + body
        )
        fields = {}
        for part in parts.iter_parts():
            value = part.get_payload(decode=True)
            assert isinstance(value, bytes)
            fields[str(part.get_param("name", header="Content-Disposition"))] = value.decode()
        return fields

    def _may_enter(self) -> bool:
        expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return self.headers.get("Authorization") == f"Basic {expected}"

    def _enter_session(self, session_id: str) -> None:
        """Have no temporary tables of another session: the engine in this process has only one."""
        if session_id and session_id != _Front.session_id:
            _Front.session_id = session_id
            for table in self._answer("SELECT name FROM system.tables WHERE is_temporary", {}):
                for name in table.decode().split():
                    self.engine.query(f"DROP TEMPORARY TABLE {name}")

    def _answer(self, sql: str, parameters: dict[str, str]) -> Any:
        if not sql.endswith(_FORMAT):
            return [self.engine.query(sql, "TSV", params=parameters).bytes()]
        with_result = self.engine.send_query(sql, _FORMAT, params=parameters)
        return (chunk.bytes() for chunk in with_result)

    def _chunk(self, data: bytes) -> None:
        if data:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _end(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until the process is ended."""
    folder, port, *settings = sys.argv[1:]
    _Front.engine = session.Session(folder)
    for setting in settings:
        _Front.engine.query(f"SET {setting}")
    print(json.dumps({"serving": folder}), flush=True)
    HTTPServer(("127.0.0.1", int(port)), _Front).serve_forever()


if __name__ == "__main__":
    main()
