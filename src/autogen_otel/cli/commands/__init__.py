"""The commands: each parses its options, calls a room, prints what it says, and returns an exit code."""
