"""The sources of traces: each a file, behind the interface in ``traces.source``."""
