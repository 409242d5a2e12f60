"""Who talks to whom: conversations, turns, handoffs, and how they end."""
