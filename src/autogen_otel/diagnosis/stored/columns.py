"""Features and properties of calls as expressions of ClickHouse's SQL: what ``evidence`` says in Python."""

from __future__ import annotations

from typing import Any, Final

from autogen_otel.diagnosis.comparison.properties import Comparison, Property
from autogen_otel.diagnosis.evidence import arguments, features
from autogen_otel.diagnosis.evidence.occurrence import CONVERSATION
from autogen_otel.diagnosis.stored.leaves import Leaves, is_leaf
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary.attributes import Kind

_LISTS: Final = frozenset({Kind.NAMES, Kind.INTEGERS, Kind.PROBLEMS})
_NUMBERS: Final = frozenset({Kind.INTEGER, Kind.NUMBER})
_ABSENT: Final = frozenset({features.TURN, features.GAP, features.AGENT_PAIR})
"""What a conversation as a whole does not have."""
_NONE: Final = "CAST(NULL, 'Nullable(Float64)')"


def _attribute(key: str, whose: str = "") -> str:
    """The text of an attribute; empty if it is not there. Two arrays are searched faster than a map."""
    return f"{whose}texts[indexOf({whose}names, {key})]"


def _has_attribute(key: str, whose: str = "") -> str:
    return f"has({whose}names, {key})"


_RESOURCE: Final = "resource_"
ARGUMENTS: Final = _attribute(f"'{names.GEN_AI_TOOL_CALL_ARGUMENTS}'")
_WITHOUT_TEXT: Final = rf"""replaceRegexpAll({ARGUMENTS}, '"(?:\\\\.|[^"\\\\])*"|\\s', '')"""
_NESTING: Final = (
    "arrayMax(arrayCumSum(arrayMap(sign -> multiIf(sign IN ('{', '['), 1, sign IN ('}', ']'), -1, 0),"
    rf" splitByString('', replaceRegexpAll({_WITHOUT_TEXT}, '\\{{\\}}|\\[\\]', '')))))"
)


class Columns:
    """Makes the expressions of one question, and keeps the values that they compare with.

    Args:
        kind: of the calls, see ``evidence.occurrence``.

    Attributes:
        values: by the name that stands for each.
    """

    def __init__(self, kind: str) -> None:
        self.values: dict[str, Any] = {}
        self._is_conversation = kind == CONVERSATION
        self._known: dict[tuple[str, Any], str] = {}

    def value(self, value: Any, sql_type: str) -> str:
        """What stands for a value in an expression."""
        key = (sql_type, tuple(value) if isinstance(value, list) else value)
        if key not in self._known:
            name = f"value{len(self._known)}"
            self.values[name] = value
            self._known[key] = f"{{{name}:{sql_type}}}"
        return self._known[key]

    def holds(self, one: Property) -> str:
        """Whether a call has a property: 1 or 0."""
        name, comparison, value = one.attribute, one.comparison, one.value
        if comparison is Comparison.PRESENT:
            return self.present(name)
        if comparison is Comparison.ABSENT:
            return f"NOT ({self.present(name)})"
        if comparison is Comparison.IS:
            return self._leaves(name).trait(value)
        if comparison in {Comparison.EQUALS, Comparison.INCLUDES}:
            return self._has(name, value)
        number = self.number(name)
        if comparison is Comparison.WITHIN:
            low, high = (self.value(float(end), "Float64") for end in value)
            test = f"{number} BETWEEN {low} AND {high}"
        else:
            sign = ">=" if comparison is Comparison.AT_LEAST else "<="
            test = f"{number} {sign} {self.value(float(value), 'Float64')}"
        return f"ifNull({test}, 0)"

    def is_around(self, name: str) -> bool:
        """Whether a feature is one of the conversation around a call, and not of the call's own span."""
        return name in _AROUND or (self._is_conversation and name in _OF_CHATS)

    # ------------------------------------------------------------ one feature
    def present(self, name: str) -> str:
        """Whether a call has a feature."""
        if self._is_conversation:
            if name in _ABSENT:
                return "0"
            if name in _OF_CHATS:
                return f"isNotNull({_OF_CHATS[name]})"
        elif name == features.TOOLS_USED:
            return "0"
        if name in _PRESENT:
            return _PRESENT[name]
        if is_leaf(name):
            return self._leaves(name).present
        key = self.value(name, "String")
        present = _has_attribute(key)
        return present if name in names.KINDS else f"({present} OR {_has_attribute(key, _RESOURCE)})"

    def number(self, name: str) -> str:
        """The number that a feature is, or NULL."""
        if self._is_conversation and (name in _ABSENT or name in _OF_CHATS):
            return _OF_CHATS.get(name, _NONE)
        if name in _NUMBER:
            return _NUMBER[name]
        if is_leaf(name):
            return self._leaves(name).number
        if name in names.KINDS and names.KINDS[name] not in _NUMBERS:
            return _NONE
        return f"toFloat64OrNull({self.text(name)})"

    def _has(self, name: str, value: Any) -> str:
        if is_leaf(name):
            return self._leaves(name).has(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if names.KINDS.get(name) in _LISTS:
                return f"has({self._list(name)}, {self.value(str(value), 'String')})"
            return f"ifNull({self.number(name)} = {self.value(float(value), 'Float64')}, 0)"
        text = str(value).lower() if isinstance(value, bool) else str(value)
        wanted = self.value(text, "String")
        if name in _LIST or names.KINDS.get(name) in _LISTS:
            return f"has({self._list(name)}, {wanted})"
        if name in names.KINDS or name in _TEXT:
            return f"({self.present(name)}) AND {self.text(name)} = {wanted}"
        one = self.text(name)
        return f"({one} = {wanted} OR (startsWith({one}, '[') AND has({texts_of(one)}, {wanted})))"

    def text(self, name: str) -> str:
        """The text that a feature is."""
        if name in _TEXT:
            return _TEXT[name]
        key = self.value(name, "String")
        if name in names.KINDS:
            return _attribute(key)
        return f"if({_has_attribute(key)}, {_attribute(key)}, {_attribute(key, _RESOURCE)})"

    def _list(self, name: str) -> str:
        if name in _LIST:
            return _LIST[name]
        return texts_of(self.text(name), is_of_texts=names.KINDS.get(name) is Kind.NAMES)

    def _leaves(self, name: str) -> Leaves:
        return Leaves(ARGUMENTS, name, self.value)


def texts_of(text: str, *, is_of_texts: bool = False) -> str:
    """The elements of a list that was written as JSON."""
    if is_of_texts:
        return f"JSONExtract({text}, 'Array(String)')"
    return (
        "arrayMap(one -> if(startsWith(one, '\"'), JSONExtractString(one), one),"
        f" JSONExtractArrayRaw({text}))"
    )


_PROBLEMS_KEY: Final = f"'{names.TOOL_ARGUMENTS_PROBLEMS}'"
_PROBLEMS: Final = (
    "arrayMap(problem -> replaceRegexpOne(problem, '(?s)^(.*?: .*?got [^ ]*).*$', '\\\\1'),"
    f" {texts_of(_attribute(_PROBLEMS_KEY))})"
)


_IS_JSON: Final = f"isValidJSON({ARGUMENTS})"
_TEXT: Final = {
    features.HOUR: "toString(toHour(Timestamp, 'UTC'))",
    "service.name": "toString(ServiceName)",
    features.AGENT_PAIR: "agent_pair",
    features.PREVIOUS_TOOL: "previous_tool",
}
_NUMBER: Final = {
    features.TIME: "toFloat64(toUnixTimestamp(Timestamp))",
    features.CONVERSATION_NUMBER: "toFloat64(number)",
    features.TURN: "toFloat64(turn)",
    features.GAP: "gap",
    features.PREVIOUS_TOOL_SECONDS: "previous_seconds",
    arguments.SIZE: f"if({ARGUMENTS} != '', toFloat64(lengthUTF8({ARGUMENTS})), NULL)",
    arguments.DEPTH: f"if({_IS_JSON}, toFloat64({_NESTING}), NULL)",
}
_LIST: Final = {features.PROBLEMS: _PROBLEMS, features.TOOLS_USED: "tools_used"}
_OF_CHATS: Final = {names.PROMPT_CHARS: "largest_prompt", names.PROMPT_CARRIED_MESSAGES: "most_carried"}
"""What a conversation has of its model calls."""
_PRESENT: Final = {
    features.TIME: "1",
    features.HOUR: "1",
    "service.name": "1",
    features.CONVERSATION_NUMBER: "1",
    features.TURN: "1",
    features.GAP: "isNotNull(gap)",
    features.PREVIOUS_TOOL: "isNotNull(previous_seconds)",
    features.PREVIOUS_TOOL_SECONDS: "isNotNull(previous_seconds)",
    features.AGENT_PAIR: "agent_pair != ''",
    features.PROBLEMS: _has_attribute(_PROBLEMS_KEY),
    features.TOOLS_USED: "notEmpty(tools_used)",
    arguments.SIZE: f"{ARGUMENTS} != ''",
    arguments.DEPTH: _IS_JSON,
}
_AROUND: Final = frozenset(
    {
        features.TURN,
        features.GAP,
        features.PREVIOUS_TOOL,
        features.PREVIOUS_TOOL_SECONDS,
        features.TOOLS_USED,
        features.AGENT_PAIR,
        features.CONVERSATION_NUMBER,
    }
)
DERIVED: Final = (*_PRESENT, *_OF_CHATS)
"""Features that are no attribute of the call's own span, at least for some kinds."""
