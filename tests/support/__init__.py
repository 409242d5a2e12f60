"""What tests are made of: agents, servers' answers, conversations, telemetry in memory, planted secrets."""
