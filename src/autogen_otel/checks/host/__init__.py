"""Asks the installed AutoGen about an entry; only the process that ``asking`` starts uses it."""
