"""The options that several commands have: where from, which conversations, compared with what."""
