"""Text for people: trees, lists and findings, on terminals and in pipes."""
