"""A real Prometheus: OTLP metrics in, PromQL out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.build import binary
from tests.servers.process import Server, free_port
from tests.servers.web import eventually, get_json

PROMOTED = (
    "service.name",
    "service.namespace",
    "service.instance.id",
    "service.version",
    "deployment.environment.name",
)
"""Attributes of the resource that become labels of every series."""

_HOUR_SECONDS = 3600.0


@dataclass(frozen=True)
class Sample:
    """One series of an instant query, with its value at that instant."""

    labels: dict[str, str]
    value: float


@dataclass(frozen=True)
class Exemplar:
    """An exemplar: the series it belongs to, its own labels (``trace_id``, ``span_id``) and its value."""

    series: dict[str, str]
    labels: dict[str, str]
    value: float


class Prometheus(Server):
    """Prometheus with the OTLP receiver and exemplars.

    Args:
        folder: for its data, configuration and log.
        rules: files of recording and alerting rules.
        evaluation_interval: of the rules, as Prometheus writes durations.
        config: more of the configuration file, by section; for scraping something.
        config_file: a configuration that is used as it is, in place of all these.
    """

    def __init__(
        self,
        folder: Path,
        *,
        rules: Sequence[Path] = (),
        evaluation_interval: str = "1s",
        config: dict[str, Any] | None = None,
        config_file: Path | None = None,
    ) -> None:
        super().__init__(folder)
        self._config_file = config_file
        self._port = free_port()
        self._config: dict[str, Any] = {
            "global": {"scrape_interval": "1s", "evaluation_interval": evaluation_interval},
            "otlp": {"promote_resource_attributes": list(PROMOTED)},
            "storage": {"tsdb": {"out_of_order_time_window": "30m"}},
            "rule_files": [str(path.resolve()) for path in rules],
            **(config or {}),
        }

    @property
    def url(self) -> str:
        """Where its user interface and ``/api/v1/`` are."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def otlp_metrics_url(self) -> str:
        """What ``OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`` takes."""
        return f"{self.url}/api/v1/otlp/v1/metrics"

    @property
    def ready_url(self) -> str:
        return f"{self.url}/-/ready"

    def command(self) -> Sequence[str]:
        own = self.folder / "prometheus.yml"
        own.write_text(json.dumps(self._config))
        return [
            str(binary("prometheus")),
            f"--config.file={(self._config_file or own).resolve()}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--web.enable-otlp-receiver",
            "--web.enable-lifecycle",
            "--enable-feature=exemplar-storage",
            "--log.level=warn",
        ]

    def query(self, promql: str, *, at: float | None = None) -> list[Sample]:
        """Return the series of an instant query; a scalar is one without labels.

        Args:
            promql: what to ask.
            at: Unix time in seconds; now by default.

        Raises:
            Refused: Prometheus does not understand the query.
        """
        data = self._ask("query", query=promql, **({} if at is None else {"time": at}))
        if data["resultType"] == "scalar":
            return [Sample({}, float(data["result"][1]))]
        assert data["resultType"] == "vector", f"{promql} gives a {data['resultType']}"
        return [Sample(series["metric"], float(series["value"][1])) for series in data["result"]]

    def wait_for(self, promql: str, enough: Callable[[list[Sample]], bool] = bool) -> list[Sample]:
        """Ask until there are series, or enough of them; the last answer in any case."""
        return eventually(lambda: self.query(promql), enough)

    def query_range(self, promql: str, *, start: float, end: float, step: float) -> list[Any]:
        """Return the series of a range query as ``{"metric": labels, "values": [[time, "value"], ...]}``.

        Args:
            promql: what to ask.
            start: Unix time in seconds.
            end: Unix time in seconds.
            step: in seconds.
        """
        return list(self._ask("query_range", query=promql, start=start, end=end, step=step)["result"])

    def exemplars(self, promql: str, *, since: float = _HOUR_SECONDS) -> list[Exemplar]:
        """Return the exemplars of the series that a query reads.

        Args:
            promql: selectors in it decide; for a histogram the ``_bucket`` series.
            since: how many seconds to look back.
        """
        now = time.time()
        answer = self._ask("query_exemplars", query=promql, start=now - since, end=now + since)
        return [
            Exemplar(series["seriesLabels"], one["labels"], float(one["value"]))
            for series in answer
            for one in series["exemplars"]
        ]

    def metric_names(self) -> list[str]:
        """Names of all series it has."""
        return list(self._ask("label/__name__/values"))

    def metadata(self) -> dict[str, Any]:
        """Type, unit and help of the metrics, by name."""
        return dict(self._ask("metadata"))

    def parsed(self, promql: str) -> Any:
        """Return the syntax tree of a query.

        Raises:
            Refused: it is not PromQL.
        """
        return self._ask("parse_query", query=promql)

    def alerts(self) -> list[Any]:
        """Alerts that are pending or firing, with ``labels``, ``annotations`` and ``state``."""
        return list(self._ask("alerts")["alerts"])

    def rules(self) -> list[Any]:
        """All rules, with ``name``, ``type``, ``health`` and ``lastError``."""
        return [rule for group in self._ask("rules")["groups"] for rule in group["rules"]]

    def _ask(self, path: str, **parameters: str | float) -> Any:
        return get_json(f"{self.url}/api/v1/{path}", parameters)["data"]
