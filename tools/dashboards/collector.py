"""Alerts on what the Collector itself loses, from the counters that it has of its own."""

from __future__ import annotations

from typing import Final

from tools.dashboards.alert import Alert

_SIGNALS: Final = ("spans", "metric_points", "log_records")
_OVER: Final = "15m"
_KEEP: Final = "15m"


def collector_alerts() -> tuple[Alert, ...]:
    """Every alert on the Collector."""
    return (_queue_full(), _refuses(), _cannot_send())


def _queue_full() -> Alert:
    return Alert(
        "AutoGenCollectorQueueFull",
        (),
        _grew("otelcol_exporter_enqueue_failed", "exporter"),
        "0m",
        "critical",
        "The Collector on {{ $labels.instance }} loses what {{ $labels.exporter }} should send",
        "{{ $value | humanize }} items in the last 15 minutes did not fit its queue, and are lost.",
        "A store was away for longer than the Collector's queue lasts. Programs think that it arrived.",
        (
            "Is the store up that the exporter sends to? Its own log, and the Collector's, say why not.",
            "How long a queue lasts: `COLLECTOR_QUEUE_BYTES` (docs/production.md, Sizing).",
        ),
        "autogen-otel-overview",
        keep=_KEEP,
    )


def _refuses() -> Alert:
    return Alert(
        "AutoGenCollectorRefuses",
        (),
        _grew("otelcol_receiver_refused", "receiver"),
        "5m",
        "warning",
        "The Collector on {{ $labels.instance }} refuses telemetry",
        "It refused {{ $value | humanize }} items in the last 15 minutes.",
        "Mostly its memory limit is reached, or a queue behind it is full. Nothing is lost yet: programs keep"
        " spans in their journals, and send them later.",
        (
            "`COLLECTOR_MEMORY_MIB` and the container's memory: used up? Then more memory, or more samplers.",
            "AutoGenCollectorQueueFull or AutoGenCollectorCannotSend at the same time: begin there.",
        ),
        "autogen-otel-overview",
        keep=_KEEP,
    )


def _cannot_send() -> Alert:
    return Alert(
        "AutoGenCollectorCannotSend",
        (),
        _grew("otelcol_exporter_send_failed", "exporter"),
        "5m",
        "critical",
        "{{ $labels.exporter }} of the Collector on {{ $labels.instance }} cannot send",
        "It gave up on {{ $value | humanize }} items in the last 15 minutes.",
        "A store does not take what the Collector sends. The data that the exporter gave up on is lost.",
        (
            "The Collector's log has the store's answer: a refusal (limits, credentials), or none (network).",
            "Jaeger, Tempo, Prometheus: is the one up that the exporter is named after? Is its disk full?",
        ),
        "autogen-otel-overview",
        keep=_KEEP,
    )


def _grew(prefix: str, by: str) -> str:
    """What a counter of the Collector grew by; a series that is new counts with its first value."""
    clauses = []
    for signal in _SIGNALS:
        # Whether the name has the suffix depends on the Collector's version.
        series = f'{{__name__=~"{prefix}_{signal}(_total)?"}}'
        of = f"sum by (instance, {by})"
        clauses += [
            f"{of} (increase({series}[{_OVER}])) > 0",
            f"({of} ({series}) unless {of} ({series} offset {_OVER})) > 0",
        ]
    return "\nor ".join(clauses)
