"""Writes a test from a trace: it fails for the recorded reason, and passes once the cause is fixed."""
