"""The identity of a process: its resource and the name of its service, and ids that disturb no program."""
