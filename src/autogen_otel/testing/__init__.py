"""For tests of programs with agents: a model that plays failures, and what AutoGen hides made visible."""
