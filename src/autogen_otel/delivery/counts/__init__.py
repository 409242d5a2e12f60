"""What delivery counts of itself: exported, journaled, forwarded, waiting and dropped."""
