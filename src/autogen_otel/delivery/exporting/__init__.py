"""Exporters: what sends a batch to an endpoint, once and in bounded time, and says what came of it."""
