"""The process in which the host is asked, and what asks it."""
