"""Stack traces as Python prints them, bounded and without secrets."""
