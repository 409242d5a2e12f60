"""Checking a ``config_list`` before the program starts."""
