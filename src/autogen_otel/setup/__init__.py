"""Providers and exporters for people who have none, and the journal of what no endpoint took.

Importing this room loads neither the SDK nor an exporter: who brings providers never pays for ours.
"""

from autogen_otel.setup.journal import Journal, default_dir
from autogen_otel.setup.providers import tracer_provider

__all__ = ["Journal", "default_dir", "tracer_provider"]
