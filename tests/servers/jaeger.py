"""A real Jaeger: OTLP in, traces out by its query interface."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tests.servers.build import binary
from tests.servers.otlp import Trace, traces
from tests.servers.process import Server, free_port
from tests.servers.web import Refused, eventually, get, get_json

_HOUR_SECONDS = 3600
_MOST_TRACES = 1000
_NOT_FOUND = 404


class Jaeger(Server):
    """Jaeger that keeps traces until it stops; with badger, since its memory storage finds no errors.

    Args:
        folder: for its configuration and log.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._http, self._grpc, self._query, self._query_grpc, self._health = (free_port() for _ in range(5))

    @property
    def otlp_url(self) -> str:
        """What ``OTEL_EXPORTER_OTLP_ENDPOINT`` takes."""
        return f"http://127.0.0.1:{self._http}"

    @property
    def otlp_grpc_address(self) -> str:
        """Host and port of OTLP over gRPC, without TLS."""
        return f"127.0.0.1:{self._grpc}"

    @property
    def query_url(self) -> str:
        """Where its user interface is, and ``/api/v3/``."""
        return f"http://127.0.0.1:{self._query}"

    @property
    def ready_url(self) -> str:
        return f"http://127.0.0.1:{self._health}/status"

    def command(self) -> Sequence[str]:
        config = self.folder / "jaeger.json"
        config.write_text(json.dumps(self._config()))
        return [str(binary("jaeger")), "--config", str(config)]

    def services(self) -> list[str]:
        """Names of the services it has spans of."""
        return list(get_json(f"{self.query_url}/api/v3/services").get("services") or ())

    def find(self, service: str, *, spans: int = 1) -> list[Trace]:
        """Return a service's traces of the last hour, the earliest first; lists in attributes come as JSON.

        Args:
            service: its name.
            spans: how many spans to wait for, in all traces together.
        """
        return eventually(
            lambda: self._traces(service), lambda answer: sum(len(trace.spans) for trace in answer) >= spans
        )

    def search(self, service: str, **tags: str) -> set[str]:
        """Return the ids of the traces with a span that has all these tags, as the search form does.

        Args:
            service: its name.
            tags: such as ``error="true"``.
        """
        parameters: dict[str, str | int | float] = {
            "service": service,
            "tags": json.dumps(tags),
            "limit": _MOST_TRACES - 1,
            "lookback": "1h",
            "start": int((time.time() - _HOUR_SECONDS) * 1e6),
            "end": int((time.time() + _HOUR_SECONDS) * 1e6),
        }
        answer = get_json(f"{self.query_url}/api/traces", parameters)
        return {trace["traceID"].rjust(32, "0") for trace in answer["data"]}

    def trace(self, trace_id: str) -> Trace:
        """Return one trace.

        Raises:
            Refused: it is not there.
        """
        (answer,) = traces(_resource_spans(get_json(f"{self.query_url}/api/v3/traces/{trace_id}")))
        return answer

    def has(self, trace_id: str) -> bool:
        """Return whether a trace has arrived."""
        try:
            return bool(self.trace(trace_id).spans)
        except Refused as refusal:
            if refusal.status == _NOT_FOUND:
                return False
            raise

    def everything(self, service: str) -> bytes:
        """Return every byte that a search for a service's traces gives, in both of Jaeger's formats."""
        legacy: dict[str, str | int | float] = {"service": service, "limit": _MOST_TRACES - 1}
        return self._answer(service) + get(f"{self.query_url}/api/traces", legacy)

    def _traces(self, service: str) -> list[Trace]:
        try:
            return traces(_resource_spans(json.loads(self._answer(service))))
        except Refused as refusal:
            if refusal.status == _NOT_FOUND:
                return []
            raise

    def _answer(self, service: str) -> bytes:
        parameters: Mapping[str, str | int | float] = {
            "query.service_name": service,
            "query.start_time_min": _timestamp(time.time() - _HOUR_SECONDS),
            "query.start_time_max": _timestamp(time.time() + _HOUR_SECONDS),
            "query.num_traces": _MOST_TRACES - 1,
        }
        return get(f"{self.query_url}/api/v3/traces", parameters)

    def _config(self) -> dict[str, Any]:
        return {
            "service": {
                "extensions": ["jaeger_storage", "jaeger_query", "healthcheckv2"],
                "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}},
                "telemetry": {"metrics": {"level": "none"}, "logs": {"level": "warn"}},
            },
            "extensions": {
                "healthcheckv2": {"use_v2": True, "http": {"endpoint": f"127.0.0.1:{self._health}"}},
                "jaeger_storage": {"backends": {"some": {"badger": {"ephemeral": True}}}},
                "jaeger_query": {
                    # Else it sends spans of its own to port 4317, and waits for ten seconds at the end.
                    "enable_tracing": False,
                    "storage": {"traces": "some"},
                    "max_clock_skew_adjust": "0s",
                    "http": {"endpoint": f"127.0.0.1:{self._query}"},
                    "grpc": {"endpoint": f"127.0.0.1:{self._query_grpc}"},
                },
            },
            "receivers": {
                "otlp": {
                    "protocols": {
                        "http": {"endpoint": f"127.0.0.1:{self._http}"},
                        "grpc": {"endpoint": self.otlp_grpc_address},
                    }
                }
            },
            "exporters": {"jaeger_storage_exporter": {"trace_storage": "some"}},
        }


def _resource_spans(answer: Any) -> Sequence[Any]:
    return list(answer["result"].get("resourceSpans") or ())


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat().replace("+00:00", "Z")
