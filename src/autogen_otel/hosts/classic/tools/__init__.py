"""The calls of classic AutoGen that run a tool or code."""
