"""Traces in, findings out. This room knows only the vocabulary: no host, no OpenTelemetry SDK."""
