"""A Streamlit page, which Streamlit runs anew for each click: classes, agents and the one line included."""

from __future__ import annotations

import os
import weakref
from typing import Any

import streamlit as st
from autogen import Agent, ConversableAgent

from tests.servers.programs.made import MADE

if os.environ["OBSERVED"] == "yes":
    import autogen_otel

    autogen_otel.instrument(settings=autogen_otel.Settings(redact=lambda text: text.replace("hello", "-")))


class Clerk(ConversableAgent):  # type: ignore[misc]
    def generate_reply(self, *words: Any, **options: Any) -> Any:
        return super().generate_reply(*words, **options)


_OPTIONS: dict[str, Any] = {"llm_config": False, "human_input_mode": "NEVER", "code_execution_config": False}
user, clerk = Clerk("user", **_OPTIONS), Clerk("clerk", **_OPTIONS)
clerk.register_reply([Agent, None], lambda *_args, **_kwargs: (True, "done"))
MADE.extend((weakref.ref(Clerk), weakref.ref(clerk)))
st.button("Again")
st.write(user.initiate_chat(clerk, message="hello", max_turns=1, silent=True).summary)
