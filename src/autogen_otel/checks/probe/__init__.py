"""Asks whether the endpoint of an entry answers, and what it can do."""
