"""Where calls are recorded: one for each ``instrument()``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from opentelemetry.trace import Tracer

from autogen_otel.one_at_a_time import OneAtATime
from autogen_otel.reading import Memory
from autogen_otel.recording.attributes import Attributes
from autogen_otel.recording.prices import Price, price_list
from autogen_otel.redaction import KnownSecrets
from autogen_otel.rendering import Renderer
from autogen_otel.settings import Settings

if TYPE_CHECKING:
    from autogen_otel.delivery import Process
    from autogen_otel.recording.logs import ContentEvents, FailureLogs
    from autogen_otel.recording.meters import Meters


@dataclass(slots=True, eq=False)
class Recorder:
    """Everything that is needed to record calls.

    Args:
        tracer: makes the spans.
        settings: say what is recorded.
        secrets: the secrets that must never be recorded.
        meters: makes the measurements; ``None`` for none.
        failure_logs: makes a log record of each exception; ``None`` for none.
        content_events: makes an event of the messages of a model call; ``None`` for none.
        price: the list of prices; ``None`` for none.
        process: gets each span that begins; ``None`` for none.
        check: takes the ``llm_config`` of agents and wrappers when they are first seen; ``None`` for none.
        on_agent: gets each agent that is first seen; ``None`` for none.
        connect: sets the tracer and the like when the first span starts; ``None`` once they are set.
        is_connecting: whether that is under way.
    """

    tracer: Tracer
    settings: Settings = field(default_factory=Settings)
    secrets: KnownSecrets = field(default_factory=KnownSecrets)
    meters: Meters | None = None
    failure_logs: FailureLogs | None = None
    content_events: ContentEvents | None = None
    price: Price | None = field(default_factory=price_list)
    process: Process | None = None
    check: Callable[[object], None] | None = None
    on_agent: Callable[[object], None] | None = None
    connect: Callable[[], None] | None = None
    is_connecting: bool = False
    renderer: Renderer = field(init=False)
    attributes: Attributes = field(init=False)
    end_span: OneAtATime[partial[None]] = field(init=False)
    """Calls the method that ends a span. Processors take locks, and export: a signal may strike while this
    thread is in one."""
    memory: Memory = field(init=False)
    """Facts of agents, wrappers and clients, read when they were first seen."""

    def __post_init__(self) -> None:
        """Make the renderer, the attributes and the memory."""
        self.renderer = Renderer(self.settings, self.secrets)
        self.attributes = Attributes(self.renderer, self.secrets, self.settings)
        self.end_span = OneAtATime(partial.__call__, is_slow=True)
        self.memory = Memory()
        # Objects that are still in use are read again, and their secrets return as the newest.
        self.secrets.on_eviction = self.memory.clear

    def hide(self, credentials: object) -> None:
        """Mask the secrets in configuration wherever they turn up from now on."""
        self.secrets.add_tree(credentials)

    def hide_headers(self, headers: Iterable[tuple[object, object]]) -> None:
        """Mask the credentials in the headers of a request."""
        self.secrets.add_headers(headers)

    def hide_environment(self) -> None:
        """Mask the secrets of the environment: a program may set them late."""
        self.secrets.add_environment(os.environ)
