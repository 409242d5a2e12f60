"""Entries that can never work, told apart from providers that are down."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from autogen_otel.testing import entry, text
from autogen_otel.testing.server import DEMO_KEY
from tests.support.agents import Serve, assistant, chat, configured, user
from tests.support.telemetry import Telemetry, attributes_of

_ANY = r"(?s).*"


def origins(telemetry: Telemetry) -> set[Any]:
    """The causes on all failed spans."""
    return {attributes_of(span)["autogen.error.origin"] for span in telemetry.spans if not span.status.is_ok}


def fail(config: dict[str, Any]) -> None:
    """A conversation with this entry, which fails."""
    with pytest.raises(Exception, match=_ANY):
        chat(user(), assistant([{"model": "gpt-4o", "api_key": DEMO_KEY, **config}]))


def test_a_host_that_does_not_resolve(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def resolve(host: Any, *args: Any, **options: Any) -> Any:
        if host in {"no-such-host.invalid", b"no-such-host.invalid"}:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    fail({"base_url": "http://no-such-host.invalid/v1"})
    assert origins(telemetry) == {"config_entry"}, telemetry.tree()
    assert telemetry.named("POST")


def test_tls_spoken_to_a_plain_port(telemetry: Telemetry, serve: Serve) -> None:
    fail({"base_url": serve([]).base_url.replace("http://", "https://")})
    assert origins(telemetry) == {"config_entry"}, telemetry.tree()


@pytest.fixture
def hanging_up() -> Iterator[str]:
    """The address of a server that closes each connection before it says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    listening.accept()[0].close()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_peer_that_hangs_up_is_down_and_not_misconfigured(
    telemetry: Telemetry, hanging_up: str, scheme: str
) -> None:
    fail({"base_url": f"{scheme}://{hanging_up}/v1"})
    assert origins(telemetry) == {"backend"}, telemetry.tree()


@pytest.mark.parametrize(
    "key",
    ["sk-schlüssel-0000FAKE0000KEY0000", "sk-demo-0000FAKE0000KEY0000\n"],
    ids=["not ASCII", "line break"],
)
def test_a_key_that_cannot_be_sent(telemetry: Telemetry, serve: Serve, key: str) -> None:
    fail({"api_key": key, "base_url": serve([]).base_url})
    assert origins(telemetry) == {"config_entry"}, telemetry.tree()


@pytest.mark.parametrize("price", [["0.01", "0.03"], [0.01]], ids=["text", "one number"])
def test_a_price_that_cannot_be_calculated_with(telemetry: Telemetry, serve: Serve, price: list[Any]) -> None:
    helper = configured(assistant([entry(serve([text("TERMINATE")]))]), price=price)
    with pytest.raises(Exception, match=_ANY):
        chat(user(), helper)
    assert origins(telemetry) == {"config_entry"}, telemetry.tree()
    call = attributes_of(telemetry.one("chat"))
    assert call["gen_ai.usage.output_tokens"] > 0
    assert "ERROR" not in str(telemetry.one("POST").status.status_code)


def test_a_price_that_is_right_is_no_reason(telemetry: Telemetry, serve: Serve) -> None:
    chat(user(), configured(assistant([entry(serve([text("TERMINATE")]))]), price=[0.01, 0.03]))
    assert origins(telemetry) == set()


def test_a_proxy_that_wants_to_know_who_asks(telemetry: Telemetry) -> None:
    import openai._base_client as sdk

    http = vars(sdk)["httpx2" if "httpx2" in vars(sdk) else "httpx"]

    def refuse(_request: Any) -> Any:
        raise http.ProxyError("407 Proxy Authentication Required")

    client = http.Client(transport=http.MockTransport(refuse))
    helper = assistant([{"model": "gpt-4o", "api_key": DEMO_KEY}])
    helper.client._clients[0]._oai_client._client = client
    with pytest.raises(Exception, match=_ANY):
        chat(user(), helper)
    assert origins(telemetry) == {"config_entry"}, telemetry.tree()
