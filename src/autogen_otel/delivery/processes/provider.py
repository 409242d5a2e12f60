"""How the providers that we build end and follow forks, whatever their signal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Final

from autogen_otel.delivery.fork import renew_after_fork
from autogen_otel.delivery.processes.at_exit import AT_EXIT


class OwnProvider(ABC):
    """A base for providers, before the SDK's class: shut down at the exit, once, and renewed after forks.

    Args:
        options: as for the SDK's class.

    Attributes:
        is_of_autogen_otel: marks it, also for a later import of this package.
    """

    is_of_autogen_otel: Final = True

    def __init__(self, **options: Any) -> None:
        sdk_provider: Any = super()
        sdk_provider.__init__(shutdown_on_exit=False, **options)
        AT_EXIT.register(self.shutdown)
        renew_after_fork(self)

    @abstractmethod
    def after_fork(self) -> None:
        """Renew the locks, as older SDKs do not, and nothing else.

        Newer SDKs would detect the resource anew as well. They do it in threads, for which a forked process
        waits; where threads are greenlets, others run meanwhile, in a process that may only start another
        program. Our resources follow forks by themselves.
        """

    def _handle_fork(self) -> None:
        # Newer SDKs call it by this name.
        self.after_fork()

    def shutdown(self, *args: Any, **kwargs: Any) -> None:
        """Export for the last time, and not once more at the exit."""
        AT_EXIT.unregister(self.shutdown)
        sdk_provider: Any = super()
        sdk_provider.shutdown(*args, **kwargs)
