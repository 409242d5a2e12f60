"""From spans to calls: what failed in each conversation, and what the calls that worked were like."""
