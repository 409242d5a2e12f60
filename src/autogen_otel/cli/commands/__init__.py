"""The commands, one file each.

Every module here offers ``register(subparsers)``, which adds a parser whose default ``run`` takes the parsed
arguments and returns the exit code. A new command is a new file; nothing else has to know of it.
"""
