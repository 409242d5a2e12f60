"""What a real Jaeger and a real Prometheus give ``show`` and ``diagnose``: the same as the journal does."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import programs
from tests.servers.jaeger import Jaeger
from tests.servers.process import free_port
from tests.servers.prometheus import Prometheus
from tests.servers.web import eventually
from tests.support.diagnosed import incidents, journal
from tests.support.recorded import write

INCIDENT = journal(incidents()["three things at once"], 3)
SINCE = ("--since", "2026-11-22T00:00Z", "--until", "2026-11-24T00:00Z")
RAN = ("all is well", "the one that dies")


def command(*words: str) -> Any:
    """What a command prints as JSON."""
    done = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "autogen_otel.cli", *words, "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stderr
    return json.loads(done.stdout)


def send(jaeger: Jaeger, lines: Iterator[str]) -> None:
    """Send the lines of a journal to a Jaeger."""
    for line in lines:
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{jaeger.otlp_url}/v1/traces", line.encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - loopback
            assert answer.status == 200


@pytest.fixture(scope="module")
def kept(jaeger: Jaeger, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A journal with an incident, whose traces Jaeger has as well."""
    path = write(tmp_path_factory.mktemp("kept") / "kept.jsonl", *INCIDENT)
    send(jaeger, (one.line for one in INCIDENT))
    eventually(lambda: jaeger.has(INCIDENT[-1].trace_id))
    return str(path)


def without_urls(document: Any) -> Any:
    for finding in document["findings"]:
        for evidence in finding["evidence"]:
            assert evidence.pop("url").endswith(f"{evidence['trace_id']}?uiFind={evidence['span_id']}")
    return document["conversations"], document["failing"], document["sampling"], document["findings"]


def test_jaeger_gives_the_findings_of_the_journal(jaeger: Jaeger, kept: str) -> None:
    there = command("diagnose", "--jaeger", jaeger.query_url, "--service", "claims", *SINCE)
    here = command("diagnose", "--journal", kept)
    assert without_urls(there) == (here["conversations"], here["failing"], None, here["findings"])
    assert len(here["findings"]) >= 3


def test_jaeger_gives_the_list_and_the_traces_of_the_journal(jaeger: Jaeger, kept: str) -> None:
    for more in (["--limit", "0"], ["--failing", "--limit", "0"], ["--tool", "lookup_policy"]):
        there = command("show", "--jaeger", jaeger.query_url, "--service", "claims", *more, *SINCE)
        assert there == command("show", "--journal", kept, *more)
    for one in INCIDENT[:5]:
        assert command("show", one.trace_id, "--jaeger", jaeger.query_url) == command(
            "show", one.trace_id, "--journal", kept
        )


def test_a_sample_of_what_jaeger_has_finds_the_same_causes(jaeger: Jaeger, kept: str) -> None:
    few = command("diagnose", "--jaeger", jaeger.query_url, "--service", "claims", *SINCE, "--limit", "30")
    everything = command("diagnose", "--journal", kept)
    causes = {finding["cause"] for finding in everything["findings"][:3]}
    assert {finding["cause"] for finding in few["findings"][:3]} == causes
    assert few["sampling"]["working_read"] == 30
    assert 0.6 * 100 < few["conversations"] < 1.5 * 100


def test_a_program_that_nobody_heard_is_the_same_in_jaeger_later(
    jaeger: Jaeger, service_name: str, tmp_path: Path
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    programs.run(
        "claims",
        *RAN,
        folder=tmp_path,
        is_heard=False,
        OTEL_EXPORTER_OTLP_ENDPOINT=nobody,
        OTEL_SERVICE_NAME=service_name,
    )
    folder = tmp_path / "journal-of-claims"
    send(jaeger, (line for file in folder.rglob("*.jsonl") for line in file.read_text().splitlines()))
    jaeger.find(service_name, spans=28)
    there = ("--jaeger", jaeger.query_url, "--service", service_name)
    here = ("--journal", str(folder))
    for words in (("show",), ("diagnose",)):
        ours, theirs = command(*words, *here), command(*words, *there)
        if words == ("diagnose",):
            assert without_urls(theirs) == (ours["conversations"], ours["failing"], None, ours["findings"])
            assert ours["findings"]
        else:
            assert theirs == ours
    for one in command("show", *here)["conversations"]:
        assert command("show", one["trace_id"], *there) == command("show", one["trace_id"], *here)


def test_prometheus_counts_the_conversations_of_a_program(
    jaeger: Jaeger, prometheus: Prometheus, service_name: str, tmp_path: Path
) -> None:
    programs.run(
        "claims",
        *RAN,
        folder=tmp_path,
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{jaeger.otlp_url}/v1/traces",
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=prometheus.otlp_metrics_url,
        OTEL_SERVICE_NAME=service_name,
    )
    jaeger.find(service_name, spans=28)
    words = ("--jaeger", jaeger.query_url, "--prometheus", prometheus.url, "--service", service_name)
    document = eventually(lambda: command("diagnose", *words))
    assert (document["conversations"], document["failing"]) == (2, 1)
    assert document["source"] == f"Jaeger at {jaeger.query_url}, counted by Prometheus at {prometheus.url}"
