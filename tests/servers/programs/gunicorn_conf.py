"""What docs/deploying.md says for gunicorn with uvicorn's worker and ``--preload``."""

from __future__ import annotations

import autogen_otel


def post_worker_init(_worker: object) -> None:
    autogen_otel.instrument()
