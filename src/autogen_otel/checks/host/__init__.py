"""What the installed AutoGen makes of entries, asked in a process of its own."""
