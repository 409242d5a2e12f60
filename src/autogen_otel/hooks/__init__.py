"""Where we attach to the host, and how a call gets past us unharmed."""
