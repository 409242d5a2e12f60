"""Builders of the Grafana dashboards, the Prometheus alert rules and the tables in their docs.

``python -m tools.dashboards`` writes the files. Of autogen_otel the builders know only the vocabulary.
"""
