"""Reading traces back, whatever stored them. Knows only the vocabulary: no host, no OpenTelemetry SDK."""
