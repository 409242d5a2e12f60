"""Grafana dashboards and Prometheus alert rules as code: plain builders that know only the vocabulary.

``files.everything`` makes the files, ``grafana.Grafana`` installs the dashboards through the HTTP API.
"""
