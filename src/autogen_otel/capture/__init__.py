"""The only door content passes: policy, redaction, rendering, cutting."""

from autogen_otel.capture.door import Capture
from autogen_otel.capture.secrets import KnownSecrets

__all__ = ["Capture", "KnownSecrets"]
