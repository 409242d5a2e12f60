"""Messages as the GenAI conventions want them: valid JSON of the right shape, bounded, without media."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autogen_otel import Settings
from autogen_otel.redaction import KnownSecrets, Redactor
from autogen_otel.rendering.messages import messages
from autogen_otel.rendering.messages.media import without_media
from autogen_otel.rendering.messages.messages import messages_json
from autogen_otel.rendering.trees import dump
from tests.support import hostile
from tests.support.lineage import examples_of_plain
from tests.support.rendering import Content, ContentKind, ContentRenderer

MESSAGE_KINDS = [
    ContentKind.INPUT_MESSAGES,
    ContentKind.OUTPUT_MESSAGES,
    ContentKind.SYSTEM_INSTRUCTIONS,
    ContentKind.TOOL_DEFINITIONS,
]
_KEY = "sk-abcdefghijklmnopqrstuvwxyz0123456789ABCDEF"
_PICTURE = bytes(range(256)) * 40
_ENCODED = base64.b64encode(_PICTURE).decode()
_URI = f"data:image/png;base64,{_ENCODED}"
_FACTS = f"[not recorded: 10240 bytes, sha256 {hashlib.sha256(_PICTURE).hexdigest()[:16]}…]"
_BLOB = {"type": "blob", "modality": "image", "mime_type": "image/png", "content": _FACTS}


def rendered(*values: Any, kind: ContentKind = ContentKind.INPUT_MESSAGES, limit: int = 8192) -> Any:
    chosen = Settings(capture_message_content="SPAN_ONLY", max_value_length=limit)
    output = ContentRenderer(chosen, KnownSecrets()).content(Content(kind, values))
    assert output is not None
    assert len(output) <= limit
    return json.loads(output)


def parts_of(message: dict[str, Any]) -> Any:
    (output,) = rendered(message)
    return output["parts"]


def fits(message: Any) -> bool:
    """Whether a message has what the conventions' JSON schema requires."""
    needed: dict[str, dict[str, type]] = {
        "text": {"content": str},
        "reasoning": {"content": str},
        "tool_call": {"name": str},
        "tool_call_response": {"response": object},
        "blob": {"modality": str, "content": str},
        "uri": {"modality": str, "uri": str},
        "file": {"modality": str, "file_id": str},
    }
    return isinstance(message["role"], str) and all(
        isinstance(part["type"], str)
        and all(isinstance(part[key], kind) for key, kind in needed.get(part["type"], {}).items())
        for part in message["parts"]
    )


def test_words_tool_calls_and_results_have_the_form_of_the_conventions() -> None:
    call = {"id": "1", "function": {"name": "f", "arguments": '{"a": [1, null], "password": "hunter2!"}'}}
    assert rendered(
        {"role": "user", "content": "Hello", "name": "anna"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": '{"state": "active", "api_key": "abc"}'},
        {"role": "function", "name": "f", "content": "plain"},
        {"content": None, "function_call": {"name": "f", "arguments": "not JSON"}},
    ) == [
        {"role": "user", "parts": [{"type": "text", "content": "Hello"}], "name": "anna"},
        {
            "role": "assistant",
            "parts": [
                {
                    "type": "tool_call",
                    "id": "1",
                    "name": "f",
                    "arguments": {"a": [1, None], "password": "[redacted]"},
                },
            ],
        },
        {
            "role": "tool",
            "parts": [
                {
                    "type": "tool_call_response",
                    "id": "1",
                    "response": {"state": "active", "api_key": "[redacted]"},
                }
            ],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "response": "plain"}], "name": "f"},
        {"role": "user", "parts": [{"type": "tool_call", "name": "f", "arguments": "not JSON"}]},
    ]


def test_answers_instructions_and_tools_have_theirs() -> None:
    answer = {"role": "assistant", "content": "So.", "finish_reason": "stop", "reasoning_content": "Hm."}
    assert rendered(answer, kind=ContentKind.OUTPUT_MESSAGES) == [
        {
            "role": "assistant",
            "parts": [{"type": "reasoning", "content": "Hm."}, {"type": "text", "content": "So."}],
            "finish_reason": "stop",
        }
    ]
    system = {"role": "system", "content": "Be kind."}
    assert rendered(system, kind=ContentKind.SYSTEM_INSTRUCTIONS) == [{"type": "text", "content": "Be kind."}]
    function = {"name": "f", "description": "Does it", "parameters": {"type": "object"}}
    tools = ({"type": "function", "function": function}, function, {"type": "web_search"})
    defined = {"type": "function", **function}
    assert rendered(*tools, kind=ContentKind.TOOL_DEFINITIONS) == [
        defined,
        defined,
        {"type": "web_search", "name": "web_search"},
    ]


@pytest.mark.parametrize(
    ("part", "output"),
    [
        ({"type": "image_url", "image_url": {"url": _URI}}, _BLOB),
        ({"type": "image_url", "image_url": _URI}, _BLOB),
        ({"type": "input_image", "image_url": _URI}, _BLOB),
        ({"type": "image", "data_uri": _URI}, _BLOB),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": _ENCODED}},
            _BLOB,
        ),
        (
            {"type": "input_audio", "input_audio": {"data": _ENCODED, "format": "wav"}},
            {**_BLOB, "modality": "audio", "mime_type": "audio/wav"},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://anna:pass@host/a.png?sig=0123456789abcdef"}},
            {
                "type": "uri",
                "modality": "image",
                "uri": "https://[redacted]@host/a.png?sig=[redacted]",
            },
        ),
        (
            {"type": "file", "file": {"file_id": "f-1"}},
            {"type": "file", "modality": "document", "file_id": "f-1"},
        ),
        (
            {"type": "image", "image_url": {"url": _PICTURE}},
            {**_BLOB, "mime_type": "application/octet-stream"},
        ),
        ({"type": "refusal", "refusal": "No."}, {"type": "refusal", "content": "No."}),
        ({"type": "novelty", "depth": 3}, {"type": "novelty", "content": {"type": "novelty", "depth": 3}}),
        ("words", {"type": "text", "content": "words"}),
    ],
)
def test_parts_of_content_have_the_form_of_the_conventions(part: Any, output: Any) -> None:
    assert parts_of({"role": "user", "content": [part]}) == [output]


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": f"Look: <img {_URI}> there"},
        {"role": "user", "content": [{"type": "text", "text": _URI}]},
        {"role": "tool", "tool_call_id": "1", "content": json.dumps({"screenshot": _URI})},
        {"role": "tool", "tool_call_id": "1", "content": f"a screenshot {_ENCODED} of it"},
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"deep": [_URI]}}}]},
        {"role": "user", "content": [{"type": "novelty", "image": _URI}]},
        {"role": "user", "content": "data:image/png;base64," + base64.encodebytes(_PICTURE).decode()},
    ],
)
def test_media_is_nowhere_inline(message: dict[str, Any]) -> None:
    output = json.dumps(rendered(message), ensure_ascii=False)
    assert "sha256 " + hashlib.sha256(_PICTURE).hexdigest()[:16] in output
    assert not any(_ENCODED[start : start + 40] in output for start in range(0, len(_ENCODED), 40))


def test_words_are_no_media() -> None:
    for text in (
        "x" * 5000,
        "words and words " * 200,
        "0123456789abcdef" * 400,
        "data:text/plain,Hello",
        _ENCODED[:80],
    ):
        assert without_media(text) == text


def test_what_is_long_is_cut_and_says_how_long_it_was() -> None:
    (output,) = rendered({"role": "user", "content": "a" * 50_000}, limit=1000)
    (part,) = output["parts"]
    assert part["content"].endswith("…[cut, 50000 characters in all]")
    assert len(part["content"]) > 850


def test_the_newest_messages_are_favoured_and_those_left_out_are_counted() -> None:
    messages = [{"role": "user", "content": f"{number} " + "word " * 100} for number in range(40)]
    output = rendered(*messages, limit=2000)
    assert output[-1]["parts"][0]["content"] == messages[-1]["content"]
    assert output[0] == {
        "role": "omitted",
        "parts": [{"type": "text", "content": f"[{41 - len(output)} older messages cut]"}],
    }
    numbers = [int(message["parts"][0]["content"].split()[0]) for message in output[1:]]
    assert numbers == list(range(40 - len(numbers), 40))


@pytest.mark.parametrize("words", ["word " * 3000, 'a "word" ' * 2000, "a line\n" * 3000])
@pytest.mark.parametrize("more", [[], [{"role": "user", "content": "hi"}]])
def test_the_right_length_is_found_after_a_few_guesses(words: str, more: list[Any]) -> None:
    with mock.patch.object(messages, "dump", wraps=dump) as written:
        shown = messages_json(
            "input", ({"role": "user", "content": words}, *more), 8192, Redactor(KnownSecrets())
        )
    assert 8192 - 2 * 8 <= len(shown) <= 8192
    assert written.call_count <= 5


def test_a_short_message_leaves_its_room_to_a_long_one() -> None:
    output = rendered(
        {"role": "user", "content": "brief"}, {"role": "user", "content": "b" * 9000}, limit=2000
    )
    assert output[0]["parts"][0]["content"] == "brief"
    assert len(json.dumps(output, ensure_ascii=False)) > 1900


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=200),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=8,
)
_MESSAGES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "role": st.sampled_from(["user", "tool", "function", "assistant"]) | _JSON,
            "content": st.lists(_JSON, max_size=3) | st.text(max_size=3000) | _JSON,
            "tool_calls": st.lists(st.fixed_dictionaries({"id": _JSON, "function": _JSON}), max_size=3)
            | _JSON,
            "tool_call_id": _JSON,
            "function_call": _JSON,
            "name": _JSON,
            "audio": _JSON,
        },
    )
    | _JSON,
    max_size=6,
)


@pytest.mark.slow
@settings(max_examples=examples_of_plain(60), deadline=None)
@given(_MESSAGES, st.sampled_from(sorted(MESSAGE_KINDS, key=str)), st.integers(64, 4000))
def test_whatever_is_said_the_value_is_json_of_the_right_form_and_fits(
    messages: list[Any], kind: ContentKind, limit: int
) -> None:
    output = rendered(*messages, kind=kind, limit=limit)
    if kind in (ContentKind.INPUT_MESSAGES, ContentKind.OUTPUT_MESSAGES):
        assert all(fits(message) for message in output)


@pytest.mark.parametrize("kind", sorted(MESSAGE_KINDS, key=str))
@pytest.mark.parametrize("name", hostile.VALUES)
def test_hostile_values_are_rendered_too(name: str, kind: ContentKind) -> None:
    value = hostile.VALUES[name]()
    call = {"id": value, "function": {"name": value, "arguments": value}}
    picture = {"type": "image_url", "image_url": {"url": value}}
    output = rendered(
        value,
        {"role": value, "content": value, "name": value},
        {"role": "user", "content": [value, picture, {"type": value}], "tool_calls": [call, value]},
        {"role": "tool", "content": value, "tool_call_id": value},
        {"type": value, "function": {"name": value, "description": value, "parameters": value}},
        kind=kind,
    )
    if kind in (ContentKind.INPUT_MESSAGES, ContentKind.OUTPUT_MESSAGES):
        assert all(fits(message) for message in output)
    else:
        assert isinstance(output, list)


def test_secrets_are_taken_out_before_anything_is_cut() -> None:
    for before in range(0, 160, 7):
        output = json.dumps(
            rendered({"role": "user", "content": "." * before + _KEY * 3 + "." * 300}, limit=200)
        )
        assert _KEY[:12] not in output
