"""What traces are written in: the journal, OTLP's JSON and Jaeger's, decoded into the read model."""
