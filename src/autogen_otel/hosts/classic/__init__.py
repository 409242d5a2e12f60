"""Classic AutoGen: everything that has ``ConversableAgent``."""
