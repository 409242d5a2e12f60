"""Features and properties of calls as expressions of ClickHouse's SQL: what ``evidence`` says in Python."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from autogen_otel.diagnosis.comparison.properties import Comparison, Property
from autogen_otel.diagnosis.evidence import arguments, features
from autogen_otel.diagnosis.evidence.occurrence import CONVERSATION
from autogen_otel.diagnosis.stored.leaves import Leaves, is_leaf
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary.attributes import Kind

_LISTS: Final = frozenset({Kind.NAMES, Kind.INTEGERS, Kind.PROBLEMS})
_NUMBERS: Final = frozenset({Kind.INTEGER, Kind.NUMBER})
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


OWN: Final = "own"
AROUND: Final = "around"
"""Features of a call's own span, and those of the conversation around it.

They are kept apart, since what a span has itself is large, and dear to join: a question about both is put to
each, and only the bits that it comes to are joined.
"""


class Column(NamedTuple):
    """One feature in SQL.

    Args:
        present: whether a call has it.
        number: the number that it is, or NULL.
        text: the text that it is, if it is one.
        items: the texts that it is, if it is several.
        is_around: whether it is one of the conversation around the call.
    """

    present: str
    number: str = _NONE
    text: str = ""
    items: str = ""
    is_around: bool = False


class Columns:
    """Makes the expressions of one question, and keeps the values that they compare with.

    Args:
        kind: of the calls, see ``evidence.occurrence``.

    Attributes:
        values: by the name that stands for each.
    """

    def __init__(self, kind: str) -> None:
        self.values: dict[str, Any] = {}
        self._derived = _OF_CONVERSATIONS if kind == CONVERSATION else _OF_CALLS
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
            return self.of(name).present
        if comparison is Comparison.ABSENT:
            return f"NOT ({self.of(name).present})"
        if comparison is Comparison.IS:
            return self._leaves(name).trait(value)
        if comparison in {Comparison.EQUALS, Comparison.INCLUDES}:
            return self._has(name, value)
        number = self.of(name).number
        if comparison is Comparison.WITHIN:
            low, high = (self.value(float(end), "Float64") for end in value)
            test = f"{number} BETWEEN {low} AND {high}"
        else:
            sign = ">=" if comparison is Comparison.AT_LEAST else "<="
            test = f"{number} {sign} {self.value(float(value), 'Float64')}"
        return f"ifNull({test}, 0)"

    def side(self, name: str) -> str:
        """Where a feature is: ``OWN`` or ``AROUND``."""
        return AROUND if name in self._derived and self._derived[name].is_around else OWN

    def of(self, name: str) -> Column:
        """One feature."""
        if name in self._derived:
            return self._derived[name]
        if is_leaf(name):
            leaves = self._leaves(name)
            return Column(leaves.present, leaves.number)
        key, kind = self.value(name, "String"), names.KINDS.get(name)
        if kind is None:
            text = f"if({_has_attribute(key)}, {_attribute(key)}, {_attribute(key, _RESOURCE)})"
            present = f"({_has_attribute(key)} OR {_has_attribute(key, _RESOURCE)})"
            return Column(present, f"toFloat64OrNull({text})", text)
        text, present = _attribute(key), _has_attribute(key)
        if kind in _LISTS:
            return Column(present, text=text, items=texts_of(text, is_of_texts=kind is Kind.NAMES))
        return Column(present, f"toFloat64OrNull({text})" if kind in _NUMBERS else _NONE, text)

    def _has(self, name: str, value: Any) -> str:
        if is_leaf(name):
            return self._leaves(name).has(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            column = self.of(name)
            if column.items:
                return f"has({column.items}, {self.value(str(value), 'String')})"
            return f"ifNull({column.number} = {self.value(float(value), 'Float64')}, 0)"
        wanted = self.value(str(value).lower() if isinstance(value, bool) else str(value), "String")
        column = self.of(name)
        if column.items:
            return f"has({column.items}, {wanted})"
        if name in names.KINDS or name in self._derived:
            return f"({column.present}) AND {column.text} = {wanted}"
        # Nobody knows whether it is a list.
        one = column.text
        return f"({one} = {wanted} OR (startsWith({one}, '[') AND has({texts_of(one)}, {wanted})))"

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
_HAS_TOOL: Final = "isNotNull(previous_seconds)"
_OF_CALLS: Final = {
    features.TIME: Column("1", "toFloat64(toUnixTimestamp(Timestamp))"),
    features.HOUR: Column("1", text="toString(toHour(Timestamp, 'UTC'))"),
    "service.name": Column("1", text="toString(ServiceName)"),
    features.CONVERSATION_NUMBER: Column("1", "toFloat64(number)", is_around=True),
    features.TURN: Column("1", "toFloat64(turn)", is_around=True),
    features.GAP: Column("isNotNull(gap)", "gap", is_around=True),
    features.PREVIOUS_TOOL: Column(_HAS_TOOL, text="previous_tool", is_around=True),
    features.PREVIOUS_TOOL_SECONDS: Column(_HAS_TOOL, "previous_seconds", is_around=True),
    features.AGENT_PAIR: Column("agent_pair != ''", text="agent_pair", is_around=True),
    features.PROBLEMS: Column(_has_attribute(_PROBLEMS_KEY), items=_PROBLEMS),
    features.TOOLS_USED: Column("0", items="tools_used", is_around=True),
    arguments.SIZE: Column(
        f"{ARGUMENTS} != ''", f"if({ARGUMENTS} != '', toFloat64(lengthUTF8({ARGUMENTS})), NULL)"
    ),
    arguments.DEPTH: Column(_IS_JSON, f"if({_IS_JSON}, toFloat64({_NESTING}), NULL)"),
}
_OF_CHATS: Final = {
    names.PROMPT_CHARS: Column("isNotNull(largest_prompt)", "largest_prompt", is_around=True),
    names.PROMPT_CARRIED_MESSAGES: Column("isNotNull(most_carried)", "most_carried", is_around=True),
}
"""What a conversation has of its model calls."""
_OF_CONVERSATIONS: Final = {
    **_OF_CALLS,
    **_OF_CHATS,
    **{
        name: _OF_CALLS[name]._replace(present="0", number=_NONE)
        for name in (features.TURN, features.GAP, features.AGENT_PAIR)
    },
    features.TOOLS_USED: _OF_CALLS[features.TOOLS_USED]._replace(present="notEmpty(tools_used)"),
}
DERIVED: Final = (*_OF_CALLS, *_OF_CHATS)
"""Features that are no attribute of the call's own span, at least for some kinds."""
