"""A Celery application whose broker is a folder: each task is a conversation."""

from __future__ import annotations

import os

from celery import Celery

import autogen_otel

autogen_otel.instrument()

app = Celery("tasks", broker="filesystem://")
_FOLDER = os.environ["BROKER_FOLDER"]
app.conf.broker_transport_options = {
    "data_folder_in": _FOLDER,
    "data_folder_out": _FOLDER,
    "control_folder": f"{_FOLDER}/control",
}


def _converse(name: str) -> None:
    from tests.support.short_chats import hold

    hold(name)


converse = app.task(name="converse")(_converse)
