"""What a host call means: AutoGen in, facts out. Each operation is written once for sync and async."""
