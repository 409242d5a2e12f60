"""The formats of traces: the journal, OTLP's JSON and Jaeger's, decoded into the read model."""
