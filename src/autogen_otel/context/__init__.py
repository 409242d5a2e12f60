"""Which observed call is running, and keeping that across AutoGen's thread and loop hops."""
