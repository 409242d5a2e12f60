"""The exact secrets of this process: where they are read, how they are stored, how a text is searched."""

from autogen_otel.redaction.known.secrets import KnownSecrets

__all__ = ["KnownSecrets"]
