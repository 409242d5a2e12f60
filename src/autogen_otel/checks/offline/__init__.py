"""The checks of entries that need no network."""
