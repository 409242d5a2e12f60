"""What separates failing calls from working ones, by the numbers."""
