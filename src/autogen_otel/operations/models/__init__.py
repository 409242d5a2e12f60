"""Calls of models: the logical call, the entries and attempts it takes, what was sent and came back."""
