"""``make demo``: hold the claims desk's conversations, show what its user sees without us, and with us."""

from __future__ import annotations

import json
import os
import shutil
import sys
import traceback
import urllib.error
import urllib.request
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import autogen_otel
from autogen_otel import cli
from autogen_otel.testing import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scenarios.claims import Outcome

JOURNAL = Path(__file__).resolve().parent.parent / ".cache" / "demo-journal"
_DEFAULT_ENDPOINT = "http://localhost:4318"
_JAEGER_UI = "http://localhost:16686"
_SEND_SECONDS = 3.0
_MOST_CONVERSATIONS = 7
_ERROR = 2  # STATUS_CODE_ERROR of OTLP


def main() -> int:
    """Run the demo.

    Returns:
        The exit code: 1 if the conversation that dies is not in the journal, or nothing is found.
    """
    endpoint = _into_the_journal()
    outcomes = _hold_conversations()
    _flush()
    _show_without(outcomes)
    _heading("With one line, autogen_otel.instrument():")
    lines = list(_journal_lines())
    trace_ids = _failed_roots(lines)
    if len(trace_ids) != 1:
        print(
            f"The journal {JOURNAL} has {len(trace_ids)} conversations that died, not one.", file=sys.stderr
        )
        return 1
    sys.stdout.flush()
    list_code = cli.main(["show", "--limit", str(_MOST_CONVERSATIONS)])
    print(
        "\nAnd this is the one that died: the model's arguments broke a tool, AutoGen told the model and not"
    )
    print("you, and then the backend failed three times while the SDK retried in silence.\n", flush=True)
    show_code = cli.main(["show", trace_ids[0]])
    _heading("And what all of them together tell, autogen-otel diagnose:")
    diagnose_code = cli.main(["diagnose", "--journal", str(_relative(JOURNAL))])
    _show_next(endpoint, lines, trace_ids[0])
    return list_code or show_code or int(diagnose_code != cli.PROBLEM)


def _into_the_journal() -> str:
    # The demo shows its tree from the journal, so its spans must not go to a collector that happens to
    # listen; that one gets a copy at the end.
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", _DEFAULT_ENDPOINT).rstrip("/")
    for name in [name for name in os.environ if name.startswith(("OTEL_", "AUTOGEN_OTEL_"))]:
        del os.environ[name]
    shutil.rmtree(JOURNAL, ignore_errors=True)
    os.environ.update(
        AUTOGEN_OTEL_JOURNAL="all",
        AUTOGEN_OTEL_JOURNAL_DIR=str(JOURNAL),
        OTEL_TRACES_EXPORTER="none",
        OTEL_METRICS_EXPORTER="none",
        OTEL_SERVICE_NAME="claims-desk",
    )
    return endpoint


def _hold_conversations() -> list[Outcome]:
    # The hosts warn while they are imported about packages that nobody needs here.
    warnings.simplefilter("ignore")
    from scenarios.claims import CONVERSATIONS, EARLIER, ClaimsModel, play  # noqa: PLC0415

    autogen_otel.instrument()
    conversations = (*EARLIER, *CONVERSATIONS)
    print(f"A claims desk of AutoGen agents holds {len(conversations)} conversations …", flush=True)
    model = ClaimsModel()
    with ScriptedServer(model) as server:
        return [play(conversation, server, model) for conversation in conversations]


def _flush() -> None:
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):  # else nothing was instrumented, and the journal will show it
        provider.force_flush()


def _show_without(outcomes: Sequence[Outcome]) -> None:
    _heading("What you would see without autogen-otel:")
    failed = [outcome.error for outcome in outcomes if outcome.error]
    print(f"{len(outcomes) - len(failed)} conversations that look fine, and one that ends with\n")
    for error in failed:
        print("  …\n" + "".join(traceback.format_exception(error)[-2:]).rstrip())


def _heading(words: str) -> None:
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() and "NO_COLOR" not in os.environ else ("", "")
    print(f"\n{bold}{words}{plain}\n", flush=True)


def _journal_lines() -> Iterator[bytes]:
    for file in sorted(JOURNAL.rglob("*.jsonl")):
        yield from file.read_bytes().splitlines()


def _failed_roots(lines: Sequence[bytes]) -> list[str]:
    return [
        span["traceId"]
        for line in lines
        for resource in json.loads(line)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
        if not span.get("parentSpanId") and span.get("status", {}).get("code") == _ERROR
    ]


def _show_next(endpoint: str, lines: Sequence[bytes], trace_id: str) -> None:
    command = _relative(Path(sys.executable).with_name("autogen-otel"))
    print(f"\nLook at another one:  {command} show TRACE_ID --journal {_relative(JOURNAL)}")
    print(f"As a page, to attach: {command} diagnose --journal {_relative(JOURNAL)} --html report.html")
    try:
        for line in lines:
            _send(endpoint, line)
    except OSError as error:
        refusal = error.reason if isinstance(error, urllib.error.URLError) else error
        reason = getattr(refusal, "strerror", None) or refusal
        print(f"In Jaeger:            run this again with a collector at {endpoint} (now: {reason})")
    else:
        jaeger = _JAEGER_UI if endpoint == _DEFAULT_ENDPOINT else "YOUR-JAEGER"
        print(f"In Jaeger:            {jaeger}/trace/{trace_id} (sent to {endpoint})")


def _send(endpoint: str, line: bytes) -> None:
    request = urllib.request.Request(  # noqa: S310 - the endpoint is the user's own
        f"{endpoint}/v1/traces", data=line, headers={"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=_SEND_SECONDS):  # noqa: S310 - same
        pass


def _relative(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


if __name__ == "__main__":
    sys.exit(main())
