"""The exact secrets that this process holds: where they are read, how they are stored, how they are found."""

from autogen_otel.redaction.known.secrets import KnownSecrets

__all__ = ["KnownSecrets"]
