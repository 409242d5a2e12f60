"""The process that asks the host, and the function that starts it."""
