"""No secret leaves: planted ones occur in no exported byte, in no line of the journal, in no log of ours."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import pytest
from openai import OpenAI
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import NoOpTracer

from autogen_otel.delivery.journal import Journal
from autogen_otel.hooks import guard
from autogen_otel.hosts.classic.first_sight import see_wrapper
from autogen_otel.recording import Recorder
from autogen_otel.redaction import KnownSecrets
from autogen_otel.testing import ScriptedServer, error
from autogen_otel.testing.server import DEMO_KEY
from tests.support.agents import assistant, pair, user
from tests.support.conversations import CONVERSATIONS, Conversation, play
from tests.support.lineage import SHAPES
from tests.support.planted_secrets import CANARY, PLANTS, Plant, first_entry, one_call, raising
from tests.support.secrets import AZURE, ENVIRONMENT, KEY, OPENAI, SECRETS
from tests.support.telemetry import instrumented, strings_in

_SHORTEST_PART = 10
"""So many characters of a secret in a row count as the secret: half a key is no better than a whole one."""


def exported(spans: Sequence[ReadableSpan], folder: Path) -> str:
    """Every byte that leaves: as JSON, as OTLP, and in the journal."""
    in_otlp = encode_spans(spans).SerializeToString()
    journal = Journal(folder)
    journal.append(spans)
    lines = [path.read_bytes() for path in folder.glob("*.jsonl")]
    assert lines
    return "\n".join(
        [strings_in(spans), in_otlp.decode("utf-8", "replace"), *(line.decode() for line in lines)]
    )


def found_in(exported_text: str) -> list[str]:
    """Names of the secrets of which a part occurs."""
    return [name for name, secret in SECRETS.items() if any(part in exported_text for part in _parts(secret))]


def _parts(secret: str) -> Iterator[str]:
    return (secret[at : at + _SHORTEST_PART] for at in range(len(secret) - _SHORTEST_PART + 1))


@pytest.fixture(autouse=True)
def _silent_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """AG2 logs what tools return, lone surrogates too, which no report of a test can hold."""
    monkeypatch.setattr(logging.getLogger("ag2.event.processor"), "disabled", True)


def ours(caplog: pytest.LogCaptureFixture) -> str:
    """What our own loggers said, tracebacks included."""
    formatter = logging.Formatter()
    return "\n".join(
        formatter.format(record) for record in caplog.records if record.name.startswith("autogen_otel")
    )


@pytest.fixture
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORPORATE_API_KEY", ENVIRONMENT)


@pytest.mark.usefixtures("_environment")
@pytest.mark.parametrize(
    ("plant", "shape"),
    [pytest.param(*pair, id=f"{pair[0].name}, {pair[1]}") for pair in product(PLANTS, ("sync", "async"))],
)
@pytest.mark.shared("shapes")
def test_a_planted_secret_is_in_no_exported_byte(
    plant: Plant,
    shape: str,
    our_errors: list[BaseException],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    caplog.set_level(logging.DEBUG, logger="autogen_otel")
    with instrumented() as telemetry:
        play(plant.conversation, shape)
    out = exported(telemetry.spans, tmp_path / "journal")
    assert plant.shows in out, "the place of the secret is not exported: this test would not notice a leak"
    assert found_in(out) == []
    assert found_in(ours(caplog)) == []


@pytest.mark.parametrize("shape", ["sync", "async"])
def test_a_key_in_a_line_of_source_is_not_in_the_stack_trace(
    shape: str, our_errors: list[BaseException], tmp_path: Path
) -> None:
    source = tmp_path / "broker.py"
    source.write_text(
        f"def act(what: str) -> str:\n"
        f"    return connect(what, '{OPENAI}', api_key='{AZURE}', why='{CANARY} {KEY}')\n"
        f"def connect(*details: str, **more: str) -> str:\n"
        f"    raise ConnectionError('no route')\n"
    )
    spec = importlib.util.spec_from_file_location("broker", source)
    assert spec is not None
    assert spec.loader is not None
    broker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(broker)
    conversation = Conversation(
        "source", one_call(), lambda servers: pair(servers[0], broker.act, entries=[first_entry(servers[0])])
    )
    with instrumented() as telemetry:
        play(conversation, shape)
    out = exported(telemetry.spans, tmp_path / "journal")
    assert CANARY in out
    assert found_in(out) == []


@pytest.mark.parametrize("used", ["as an agent's", "alone"])
def test_a_client_made_before_instrumenting_keeps_its_key_to_itself(
    used: str, our_errors: list[BaseException], tmp_path: Path
) -> None:
    refusal = error(401, f"{CANARY} {KEY}")
    with ScriptedServer([refusal, refusal]) as server:
        asker, helper = user(), assistant([first_entry(server)])
        out = ""
        # Twice, since what was learnt in the first round is forgotten with it.
        for turn in ("first", "second"):
            with instrumented() as telemetry, pytest.raises(Exception, match=CANARY):
                if used == "alone":
                    helper.client.create(messages=[{"role": "user", "content": "Hello"}])
                else:
                    asker.initiate_chat(helper, message="Hello", silent=True)
            out += exported(telemetry.spans, tmp_path / turn)
    assert out.count(CANARY) > 2
    assert found_in(out) == []


def test_what_the_users_own_http_client_adds_becomes_known() -> None:
    bases = type(OpenAI(api_key="x")._client).__mro__
    modules = (base.__module__.partition(".")[0] for base in bases)
    library = importlib.import_module(next(name for name in modules if name != "openai"))
    clients = [
        library.Client(
            auth=("me", "of-basic-auth-1"),
            headers={"X-Api-Key": "of-a-header-2"},
            cookies={"sid": "of-a-cookie-3"},
            proxy="http://me:of-a-proxy-4@127.0.0.1:9",
        ),
        library.Client(auth=library.DigestAuth("me", "of-digest-auth-5")),
    ]
    wrapper = SimpleNamespace(
        _config_list=[],
        _clients=[
            SimpleNamespace(_oai_client=OpenAI(api_key="of-the-sdk-6", http_client=client))
            for client in clients
        ],
    )
    secrets = KnownSecrets()
    see_wrapper(Recorder(NoOpTracer(), secrets=secrets), wrapper)
    for secret in (
        "of-basic-auth-1",
        "of-a-header-2",
        "of-a-cookie-3",
        "of-a-proxy-4",
        "of-digest-auth-5",
        "of-the-sdk-6",
    ):
        assert secrets.mask(f"refused {secret}") == "refused [redacted]"


def test_a_variable_set_after_instrumenting_is_known_once_a_client_is_made(
    our_errors: list[BaseException], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with ScriptedServer([error(401, f"{CANARY} {ENVIRONMENT}")]) as server, instrumented() as telemetry:
        monkeypatch.setenv("LATE_API_KEY", ENVIRONMENT)
        asker, helper = user(), assistant([first_entry(server)])
        with pytest.raises(Exception, match=CANARY):
            asker.initiate_chat(helper, message="Hello", silent=True)
    out = exported(telemetry.spans, tmp_path / "journal")
    assert CANARY in out
    assert found_in(out) == []


def test_a_tool_called_without_a_conversation_keeps_its_agents_key_to_itself(
    our_errors: list[BaseException], tmp_path: Path
) -> None:
    with ScriptedServer([]) as server:
        agent = assistant([first_entry(server)])
        agent.register_function({"act": raising(f"{CANARY} {KEY}")})
        with instrumented() as telemetry:
            agent.execute_function({"name": "act", "arguments": '{"_what": "x"}'})
    out = exported(telemetry.spans, tmp_path / "journal")
    assert CANARY in out
    assert found_in(out) == []


def test_passwords_in_arguments_are_remembered_for_a_while_and_not_for_ever() -> None:
    secrets = KnownSecrets()
    passwords = [f"hunter-{number:04}" for number in range(500)]
    for password in passwords:
        secrets.add_arguments({"user": "bob", "login": {"password": password}})
        assert secrets.mask(f"bob has {password}") == "bob has [redacted]"
    masked = [password for password in passwords if secrets.mask(password) != password]
    assert masked == passwords[-len(masked) :]
    assert len(masked) < 50


def test_an_error_of_ours_is_logged_without_the_secret_in_its_message(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(guard, "on_error", guard.log_once)
    guard.internal_errors.clear()
    url = f"http://127.0.0.1:{KEY}/"
    try:
        int(url)
    except ValueError as error:
        guard.report(error)
    assert "ValueError" in ours(caplog)
    assert Path(__file__).name in ours(caplog)
    assert found_in(ours(caplog)) == []


@pytest.mark.parametrize("shape", SHAPES)
def test_the_key_of_the_scripted_server_occurs_in_no_scene(
    shape: str,
    our_errors: list[BaseException],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    caplog.set_level(logging.DEBUG, logger="autogen_otel")
    monkeypatch.setitem(SECRETS, "DEMO_KEY", DEMO_KEY)
    leaking = []
    for number, conversation in enumerate(CONVERSATIONS):
        with instrumented() as telemetry:
            play(conversation, shape)
        if found_in(exported(telemetry.spans, tmp_path / str(number))):
            leaking.append(conversation.name)
    assert leaking == []
    assert found_in(ours(caplog)) == []
