"""The options that several commands have: the source, the selection, and the comparison."""
