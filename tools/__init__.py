"""Programs that make what is committed or shipped; nothing of them is in the wheel."""
