"""The calls of classic AutoGen that reach a model."""
