"""No secret leaves: known secrets, and text that looks like one, are replaced in every text."""

from autogen_otel.redaction.cutting import MASK
from autogen_otel.redaction.known import KnownSecrets
from autogen_otel.redaction.names import looks_secret
from autogen_otel.redaction.redactor import Redactor

__all__ = ["MASK", "KnownSecrets", "Redactor", "looks_secret"]
