"""One folder a host: where we attach to it, and what its calls mean. No host knows another."""
