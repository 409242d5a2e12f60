"""The commands: each parses its options, calls a room, prints the result, and returns an exit code.

Each is a module with four names: ``SUMMARY``, its line in the list of commands; ``HELP``, what it does and,
below its options, examples and exit codes; ``add_options(parser)``; and ``run(args)``.
"""
