"""What the installed AutoGen makes of an entry; used only in the process that ``asking`` starts."""
