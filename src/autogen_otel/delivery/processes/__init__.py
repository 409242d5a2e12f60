"""How processes begin, fork and end, so that none of them takes telemetry along.

Importing this room loads neither the SDK nor an exporter.
"""

from autogen_otel.delivery.processes.process import Process

__all__ = ["Process"]
