"""Exporters: they send a batch to an endpoint, once and in bounded time, and report the outcome."""
