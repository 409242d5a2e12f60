"""The application's own attributes, which it puts on every span that begins inside a block."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping
from contextlib import ContextDecorator, suppress
from contextvars import ContextVar, Token
from typing import Any, Final, TypeVar

from opentelemetry.context import Context, create_key

from autogen_otel.reading import read_text
from autogen_otel.recording.current import Scope, capture, enter, leave
from autogen_otel.redaction import MASK, looks_secret
from autogen_otel.rendering import Renderer
from autogen_otel.vocabulary import attributes as names

_log = logging.getLogger("autogen_otel")

APPLICATION_KEY: Final = create_key("autogen_otel.application")
_HERE: Final = ContextVar[None]("autogen_otel.block")
"""Its tokens tell whether a block ends in the context that it began in."""
_MOST: Final = 32
"""Attributes of one application; a span has room for 128, and ours are less than half of that."""
_MOST_ELEMENTS: Final = 64
_INT64_END: Final = 2**63

Function = TypeVar("Function", bound=Callable[..., Any])


class ApplicationAttributes:
    """Attributes of the application's, rendered when the first span needs them.

    Args:
        raw: the raw values by key, those of the blocks around included.
        outer: the attributes of the block around.

    Attributes:
        is_over: whether its block has ended where the context could not be restored: around a ``yield``.
    """

    __slots__ = ("_cached", "_outer", "is_over", "raw")

    def __init__(self, raw: Mapping[str, Any], outer: ApplicationAttributes | None = None) -> None:
        self.raw, self._outer, self.is_over = raw, outer, False
        self._cached: tuple[Renderer, dict[str, Any]] | None = None

    @classmethod
    def within(cls, context: Context) -> ApplicationAttributes | None:
        """The attributes for what begins in a context."""
        found: ApplicationAttributes | None = context.get(APPLICATION_KEY)  # type: ignore[assignment]
        while found is not None and found.is_over:
            found = found._outer
        return found

    def render(self, renderer: Renderer) -> dict[str, Any]:
        """Render the attributes: redacted and capped like all others."""
        cached = self._cached
        if cached is None or cached[0] is not renderer:
            values = {key: _value(renderer, key, value) for key, value in self.raw.items()}
            cached = self._cached = (
                renderer,
                {renderer.name(key): value for key, value in values.items()},
            )
        return cached[1]


class using_attributes(ContextDecorator):  # noqa: N801 - it reads as the function that it is used as
    """Add the application's own attributes to every AutoGen span and log record that begins inside.

    ``with using_attributes(session_id="s-7"):``, or ``@using_attributes(...)`` on a function, also of
    coroutines or generators; what consumes a generator is outside. Inner blocks add to outer ones. The
    attributes reach the threads and tasks that AutoGen starts; they are redacted and capped like all others,
    and are never labels of metrics.

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
        self._open: list[tuple[ApplicationAttributes, Scope, Token[None]]] = []

    def __enter__(self) -> None:
        """Begin the block."""
        scope = None
        try:
            block, outer = self._merge(), capture()
            scope = Context({**outer, APPLICATION_KEY: block}), outer
            self._open.append((block, scope, _HERE.set(None)))
            enter(scope[0])
        except Exception as ours:  # noqa: BLE001 - the application calls this: an error of ours is not its
            with suppress(Exception):
                _log.warning("The application's attributes are not recorded (%s)", type(ours).__name__)
        except BaseException:
            # Interrupted, so that the block does not begin.
            if scope is not None:
                leave(scope)
            raise

    def __exit__(self, *_exception: object) -> None:
        """End the block."""
        current = capture()
        # Several threads may be in blocks of the same object.
        here = (one for one in reversed(self._open) if one[1][0] is current)
        ended = next(here, self._open[-1] if self._open else None)
        if ended is None:
            return
        block, scope, token = ended
        try:
            self._open.remove(ended)
            _HERE.reset(token)
            block.is_over = scope[0] is not current
        except ValueError:
            # A generator may be closed in another context than its consumer's, which still has the block.
            block.is_over = True
        finally:
            leave(scope)

    def _merge(self) -> ApplicationAttributes:
        """Merge the block's attributes with those of the blocks around it."""
        outer = ApplicationAttributes.within(capture())
        raw = {**({} if outer is None else outer.raw), **self._raw}
        if len(raw) > _MOST:
            _log.warning(
                "Of %d attributes of the application only the first %d are recorded", len(raw), _MOST
            )
            raw = dict(list(raw.items())[:_MOST])
        return ApplicationAttributes(raw, outer)

    def __call__(self, function: Function) -> Function:
        """Make the whole function a block, a new one for each call."""
        raw = self._raw

        def block() -> using_attributes:
            copy = using_attributes()
            copy._raw = raw
            return copy

        try:
            around = next((wrap for is_one, wrap in _AROUND if is_one(function)), _around_function)
            return functools.wraps(function)(around(function, block))  # type: ignore[return-value]
        except Exception as ours:  # noqa: BLE001 - as above
            with suppress(Exception):
                _log.warning("The application's attributes are not recorded (%s)", type(ours).__name__)
        return function


Block = Callable[[], using_attributes]


def _around_function(function: Callable[..., Any], block: Block) -> Callable[..., Any]:
    def sync(*args: Any, **kwargs: Any) -> Any:
        with block():
            return function(*args, **kwargs)

    return sync


def _around_coroutine(function: Callable[..., Any], block: Block) -> Callable[..., Any]:
    async def coroutine(*args: Any, **kwargs: Any) -> Any:
        with block():
            return await function(*args, **kwargs)

    return coroutine


def _around_generator(function: Callable[..., Any], block: Block) -> Callable[..., Any]:
    """A generator function whose steps are each in a block, and whose consumer is in none."""

    def generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        steps = function(*args, **kwargs)
        resume, sent = steps.send, None
        while True:
            with block():
                try:
                    item = resume(sent)
                except StopIteration as end:
                    return end.value
            try:
                resume, sent = steps.send, (yield item)
            except GeneratorExit:
                with block():
                    steps.close()
                raise
            except BaseException as error:  # noqa: BLE001 - what a consumer throws in is the generator's
                resume, sent = steps.throw, error

    return generator


def _around_async_generator(function: Callable[..., Any], block: Block) -> Callable[..., Any]:
    """The same as ``_around_generator``, but for ``await``."""

    async def generator(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        steps = function(*args, **kwargs)
        resume, sent = steps.asend, None
        while True:
            with block():
                try:
                    item = await resume(sent)
                except StopAsyncIteration:
                    return
            try:
                resume, sent = steps.asend, (yield item)
            except GeneratorExit:
                with block():
                    await steps.aclose()
                raise
            except BaseException as error:  # noqa: BLE001 - what a consumer throws in is the generator's
                resume, sent = steps.athrow, error

    return generator


_AROUND: Final = (
    (inspect.iscoroutinefunction, _around_coroutine),
    (inspect.isgeneratorfunction, _around_generator),
    (inspect.isasyncgenfunction, _around_async_generator),
)


def _value(renderer: Renderer, key: str, value: object) -> Any:
    if looks_secret(key):
        return MASK
    if isinstance(value, bool) or type(value) is float:
        return value
    if type(value) is int and -_INT64_END <= value < _INT64_END:
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [renderer.text(read_text(element)) for element in list(value)[:_MOST_ELEMENTS]]
    return renderer.text(value if type(value) is str else read_text(value))
