"""How processes begin, fork and end, so that none of them takes telemetry along; loads no SDK by itself."""
