"""What a host call means: AutoGen in, observations out. Each operation is written once for sync and async."""
