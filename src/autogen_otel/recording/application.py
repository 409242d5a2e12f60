"""The application's own attributes, which it puts on every span that begins inside a block."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import ContextDecorator, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from opentelemetry.context import attach, create_key, detach, get_value, set_value

from autogen_otel.reading import read_text
from autogen_otel.redaction import MASK, looks_secret
from autogen_otel.vocabulary import attributes as names

if TYPE_CHECKING:
    from autogen_otel.recording.recorder import Recorder

_log = logging.getLogger("autogen_otel")

APPLICATION_KEY: Final = create_key("autogen_otel.application")
_MOST: Final = 32
"""Attributes of one application; a span has room for 128, and ours are less than half of that."""
_MOST_ELEMENTS: Final = 64
_INT64_END: Final = 2**63

Function = TypeVar("Function", bound=Callable[..., Any])


class ApplicationAttributes:
    """Attributes of the application's, rendered when the first span needs them.

    Args:
        raw: the raw values by key.
    """

    __slots__ = ("_cached", "raw")

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw
        self._cached: tuple[Recorder, dict[str, Any]] | None = None

    def render(self, recorder: Recorder) -> dict[str, Any]:
        """Render the attributes: redacted and capped like all others."""
        cached = self._cached
        if cached is None or cached[0] is not recorder:
            values = {key: _value(recorder, key, value) for key, value in self.raw.items()}
            cached = self._cached = (
                recorder,
                {recorder.renderer.name(key): value for key, value in values.items()},
            )
        return cached[1]


class using_attributes(ContextDecorator):  # noqa: N801 - it reads as the function that it is used as
    """Add the application's own attributes to every AutoGen span and log record that begins inside.

    ``with using_attributes(session_id="s-7"):``, or ``@using_attributes(...)`` on a function, a coroutine
    function too. Inner blocks add to outer ones. The attributes reach the threads and tasks that AutoGen
    starts; they are redacted and capped like all others, and are never labels of metrics.

    Args:
        session_id: ``session.id``.
        user_id: ``user.id``.
        tags: ``tag.tags``, as OpenInference names them.
        attributes: any others; our keys and those of the conventions are reserved for what is observed.
    """

    def __init__(
        self,
        *,
        session_id: str | None = None,
        user_id: str | None = None,
        tags: Iterable[str] | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        others: object = attributes or {}
        if not isinstance(others, Mapping):
            _log.warning("using_attributes() takes a mapping as attributes, so %r is not used", others)
            others = {}
        raw: dict[str, Any] = {str(key): value for key, value in others.items()}
        clashes = sorted(raw.keys() & names.KINDS.keys())
        if clashes:
            _log.warning("using_attributes() does not take %s: it tells what is observed", ", ".join(clashes))
        raw = {key: value for key, value in raw.items() if key not in clashes}
        raw |= {names.SESSION_ID: session_id, names.USER_ID: user_id}
        raw[names.TAGS] = None if tags is None else [tags] if isinstance(tags, str) else list(tags)
        self._raw = {key: value for key, value in raw.items() if value is not None}
        self._tokens: list[Any] = []

    def __enter__(self) -> None:
        """Begin the block."""
        token = None
        try:
            token = attach(set_value(APPLICATION_KEY, self._merge()))
        except Exception as ours:  # noqa: BLE001 - the application calls this: an error of ours is not its
            with suppress(Exception):
                _log.warning("The application's attributes are not recorded (%s)", type(ours).__name__)
        self._tokens.append(token)

    def __exit__(self, *_exception: object) -> None:
        """End the block."""
        token = self._tokens.pop()
        if token is not None:
            detach(token)

    def _merge(self) -> ApplicationAttributes:
        """Merge the block's attributes with those of the blocks around it."""
        outer = get_value(APPLICATION_KEY)
        raw = {**(outer.raw if isinstance(outer, ApplicationAttributes) else {}), **self._raw}
        if len(raw) > _MOST:
            _log.warning(
                "Of %d attributes of the application only the first %d are recorded", len(raw), _MOST
            )
            raw = dict(list(raw.items())[:_MOST])
        return ApplicationAttributes(raw)

    def __call__(self, function: Function) -> Function:
        """Make the whole function a block, a new one for each call."""
        raw = self._raw

        def block() -> using_attributes:
            copy = using_attributes()
            copy._raw = raw
            return copy

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def coroutine(*args: Any, **kwargs: Any) -> Any:
                with block():
                    return await function(*args, **kwargs)

            return coroutine  # type: ignore[return-value]

        @functools.wraps(function)
        def sync(*args: Any, **kwargs: Any) -> Any:
            with block():
                return function(*args, **kwargs)

        return sync  # type: ignore[return-value]


def _value(recorder: Recorder, key: str, value: object) -> Any:
    if looks_secret(key):
        return MASK
    if isinstance(value, bool) or type(value) is float:
        return value
    if type(value) is int and -_INT64_END <= value < _INT64_END:
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [recorder.renderer.text(read_text(element)) for element in list(value)[:_MOST_ELEMENTS]]
    return recorder.renderer.text(value if type(value) is str else read_text(value))
