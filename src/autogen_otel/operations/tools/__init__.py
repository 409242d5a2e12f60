"""Tools and code that agents run, and how a model's arguments fit them."""
