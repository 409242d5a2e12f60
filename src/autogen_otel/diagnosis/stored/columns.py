"""Features and properties of calls as SQL of ClickHouse, as ``evidence`` computes them in Python."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, Final, NamedTuple

from autogen_otel.diagnosis.comparison.properties import Comparison, Property
from autogen_otel.diagnosis.evidence import arguments, features
from autogen_otel.diagnosis.evidence.occurrence import CONVERSATION, tool_kind
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary.attributes import Kind

_LISTS: Final = frozenset({Kind.NAMES, Kind.INTEGERS, Kind.PROBLEMS})
_NUMBERS: Final = frozenset({Kind.INTEGER, Kind.NUMBER})
_NONE: Final = "CAST(NULL, 'Nullable(Float64)')"


def _attribute(key: str, prefix: str = "") -> str:
    """The text of an attribute, or an empty text. A search in two arrays is faster than one in a map."""
    return f"{prefix}texts[indexOf({prefix}names, {key})]"


def _has_attribute(key: str, prefix: str = "") -> str:
    return f"has({prefix}names, {key})"


_RESOURCE: Final = "resource_"
ARGUMENTS: Final = _attribute(f"'{names.GEN_AI_TOOL_CALL_ARGUMENTS}'")
_WITHOUT_TEXT: Final = rf"""replaceRegexpAll({ARGUMENTS}, '"(?:\\\\.|[^"\\\\])*"|\\s', '')"""
_NESTING: Final = (
    "arrayMax(arrayCumSum(arrayMap(sign -> multiIf(sign IN ('{', '['), 1, sign IN ('}', ']'), -1, 0),"
    rf" splitByString('', replaceRegexpAll({_WITHOUT_TEXT}, '\\{{\\}}|\\[\\]', '')))))"
)


OWN: Final = "own"
AROUND: Final = "around"
"""Features of a call's own span, and features of the conversation around it.

They have separate tables, since a span's own attributes are large and slow to join: a question about both
queries each table, and joins only the resulting bits.
"""


class Column(NamedTuple):
    """One feature in SQL.

    Args:
        present: whether a call has it.
        number: its number, or NULL.
        text: its text, if it has one.
        items: its texts, if it has several.
        is_around: whether it is a feature of the conversation around the call.
    """

    present: str
    number: str = _NONE
    text: str = ""
    items: str = ""
    is_around: bool = False


class Columns:
    """Makes the expressions of one query, and collects the values of its parameters.

    Args:
        kind: the kind of the calls, see ``evidence.occurrence``.

    Attributes:
        values: the values by the name of their parameter.
    """

    def __init__(self, kind: str) -> None:
        self.values: dict[str, Any] = {}
        self._derived = _OF_CONVERSATIONS if kind == CONVERSATION else _OF_CALLS
        if kind.startswith(tool_kind("")):
            self._derived = _OF_TOOL_CALLS
        self._parameters: dict[tuple[str, Any], str] = {}

    def value(self, value: Any, sql_type: str) -> str:
        """The parameter for a value in an expression."""
        key = (sql_type, tuple(value) if isinstance(value, list) else value)
        if key not in self._parameters:
            name = f"value{len(self._parameters)}"
            self.values[name] = value
            self._parameters[key] = f"{{{name}:{sql_type}}}"
        return self._parameters[key]

    def holds(self, prop: Property) -> str:
        """Whether a call has a property: 1 or 0."""
        name, comparison, value = prop.attribute, prop.comparison, prop.value
        if comparison is Comparison.PRESENT:
            return self.of(name).present
        if comparison is Comparison.ABSENT:
            return f"NOT ({self.of(name).present})"
        if comparison is Comparison.IS:
            return self._leaves(name).trait(value)
        if comparison in {Comparison.EQUALS, Comparison.INCLUDES}:
            return self._has(name, value)
        if comparison in {Comparison.BEGINS, Comparison.ENDS}:
            return self._leaves(name).has_end(value, at_end=comparison is Comparison.ENDS)
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
        expected = self.value(str(value).lower() if isinstance(value, bool) else str(value), "String")
        column = self.of(name)
        if column.items:
            return f"has({column.items}, {expected})"
        if name in names.KINDS or name in self._derived:
            return f"({column.present}) AND {column.text} = {expected}"
        # The attribute is unknown: its text may be a list.
        text = column.text
        return f"({text} = {expected} OR (startsWith({text}, '[') AND has({texts_of(text)}, {expected})))"

    def _leaves(self, name: str) -> Leaves:
        return Leaves(name, self.value)


def texts_of(text: str, *, is_of_texts: bool = False) -> str:
    """The elements of a list in JSON."""
    if is_of_texts:
        return f"JSONExtract({text}, 'Array(String)')"
    return (
        "arrayMap(one -> if(startsWith(one, '\"'), JSONExtractString(one), one),"
        f" JSONExtractArrayRaw({text}))"
    )


_PROBLEMS_KEY: Final = f"'{names.TOOL_ARGUMENTS_PROBLEMS}'"
_PROBLEMS: Final = (
    "arrayMap(problem -> replaceRegexpOne(problem, '(?s)^(.*?: (?:not JSON|.*?got [^ ]*)).*$', '\\\\1'),"
    f" {texts_of(_attribute(_PROBLEMS_KEY))})"
)


_IS_JSON: Final = f"isValidJSON({ARGUMENTS})"
_HAS_TOOL: Final = "isNotNull(previous_seconds)"
_OF_CALLS: Final = {
    features.TIME: Column("1", "toFloat64(toUnixTimestamp(Timestamp))"),
    features.HOUR: Column("1", text="toString(toHour(Timestamp, 'UTC'))"),
    features.MINUTE: Column("1", "toFloat64(toMinute(Timestamp, 'UTC'))"),
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
_OF_TOOL_CALLS: Final = {
    **_OF_CALLS,
    features.TOOLS_USED: Column("notEmpty(tools_used)", items="tools_used", is_around=True),
    names.GEN_AI_REQUEST_MODEL: Column("isNotNull(model)", text="ifNull(model, '')", is_around=True),
}
_OF_CHATS: Final = {
    names.PROMPT_CHARS: Column("isNotNull(largest_prompt)", "largest_prompt", is_around=True),
    names.PROMPT_CARRIED_MESSAGES: Column("isNotNull(most_carried)", "most_carried", is_around=True),
}
"""Features that a conversation has from its model calls."""
_OF_CONVERSATIONS: Final = {
    **_OF_CALLS,
    **_OF_CHATS,
    **{
        name: _OF_CALLS[name]._replace(present="0", number=_NONE)
        for name in (features.TURN, features.GAP, features.AGENT_PAIR)
    },
    features.TOOLS_USED: _OF_TOOL_CALLS[features.TOOLS_USED],
}
DERIVED: Final = (*_OF_TOOL_CALLS, *_OF_CHATS)
"""Features that are no attribute of the call's own span, for some kinds at least."""


# ---------------------------------------------------------------- a tool's arguments
_LENGTH: Final = ".length"
_ELEMENTS: Final = "[]"
_SCALAR: Final = "one NOT IN ('null', '[]', '{}')"
_STRING: Final = "startsWith(one, '\"')"
_LEAF_TEXT: Final = "JSONExtractString(one)"
_LEAF_NUMBER: Final = "toFloat64OrNull(one)"
_IS_NUMBER: Final = f"isNotNull({_LEAF_NUMBER})"
_MEASURES: Final = {
    _LENGTH: (_STRING, "arrayMax", f"lengthUTF8({_LEAF_TEXT})"),
    arguments.HIGHEST: (_IS_NUMBER, "arrayMax", f"assumeNotNull({_LEAF_NUMBER})"),
    arguments.LOWEST: (_IS_NUMBER, "arrayMin", f"assumeNotNull({_LEAF_NUMBER})"),
    arguments.ELEMENTS: ("startsWith(one, '[')", "arrayMax", "length(JSONExtractArrayRaw(one))"),
}
"""Which values to measure, how to choose one of several, and the measure."""
_TRAITS: Final = {
    arguments.NULL: "one = 'null'",
    "a boolean": "one IN ('true', 'false')",
    "a number": _IS_NUMBER,
    "text": _STRING,
    "a list": "one = '[]'",
    "an object": "one = '{}'",
    "empty": "one IN ('\"\"', '[]', '{}')",
    "not ASCII": f"{_STRING} AND NOT match({_LEAF_TEXT}, '^[\\\\x00-\\\\x7F]*$')",
    "blank": f"{_STRING} AND match({_LEAF_TEXT}, '^\\\\s+$')",
    "padded with blanks": (
        f"{_STRING} AND match({_LEAF_TEXT}, '\\\\S') AND match({_LEAF_TEXT}, '^\\\\s|\\\\s$')"
    ),
    "text for nothing": (
        f"{_STRING} AND lower(trimBoth({_LEAF_TEXT})) IN ('null', 'none', 'nan', 'undefined', 'n/a')"
    ),
    "negative": f"ifNull({_LEAF_NUMBER} < 0, 0)",
    "zero": f"ifNull({_LEAF_NUMBER} = 0, 0)",
}
_FORM: Final = reduce(
    lambda text, run: f"replaceRegexpAll({text}, '{run[0]}', '{run[1]}')", arguments.RUNS, _LEAF_TEXT
)
_DEEPEST: Final = 5
"""Levels of arguments to search for names; the names of failing calls may come from any level."""


def is_leaf(name: str) -> bool:
    """Whether a feature is a value in a tool's arguments."""
    return name.startswith(arguments.PREFIX) and name not in {arguments.SIZE, arguments.DEPTH}


class Leaves:
    """The values under one path of the arguments.

    Args:
        name: the feature: ``autogen.tool.argument.items[].price``, or that with ``.length``, ``.highest``.
        value: makes the parameter for a value in an expression.
    """

    def __init__(self, name: str, value: Callable[[Any, str], str]) -> None:
        path = name.removeprefix(arguments.PREFIX)
        self._value = value
        self._raw = self._under(path)
        # Only lists come to numbers of other kinds.
        measures = _MEASURES if _ELEMENTS in path else (_LENGTH,)
        self._suffix = next((one for one in measures if path.endswith(one)), "")
        measured_path = path.removesuffix(self._suffix)
        self._measured = None
        if self._suffix == arguments.ELEMENTS:
            self._measured = self._at(measured_path.removesuffix(_ELEMENTS))
        elif self._suffix:
            self._measured = self._under(measured_path)

    @property
    def present(self) -> str:
        """Whether there is one that is no null and no list or object."""
        present = f"arrayExists(one -> {_SCALAR}, {self._raw})"
        if self._measured is None:
            return present
        return f"({present} OR arrayExists(one -> {_MEASURES[self._suffix][0]}, {self._measured}))"

    @property
    def number(self) -> str:
        """Its number, or its length."""
        numbers = f"arrayFilter(one -> isNotNull({_LEAF_NUMBER}), {self._raw})"
        own = f"if(notEmpty({numbers}), toFloat64OrNull({numbers}[1]), NULL)"
        if self._measured is None:
            return own
        has_measure, most, measure = _MEASURES[self._suffix]
        measured = f"arrayFilter(one -> {has_measure}, {self._measured})"
        length = f"toFloat64({most}(arrayMap(one -> {measure}, {measured})))"
        return f"if(notEmpty({measured}), {length}, {own})"

    def has(self, value: Any) -> str:
        """Whether one of them equals a value."""
        if isinstance(value, bool):
            return f"has({self._raw}, '{str(value).lower()}')"
        if isinstance(value, (int, float)):
            parameter = self._value(float(value), "Float64")
            if self._measured is not None:
                return f"ifNull({self.number} = {parameter}, 0)"
            return f"arrayExists(one -> ifNull({_LEAF_NUMBER} = {parameter}, 0), {self._raw})"
        parameter = self._value(value, "String")
        test = f"{_STRING} AND substringUTF8({_LEAF_TEXT}, 1, {arguments.LONGEST_VALUE}) = {parameter}"
        return f"arrayExists(one -> {test}, {self._raw})"

    def trait(self, trait: str) -> str:
        """Whether one of them has a trait."""
        test = _TRAITS.get(trait)
        if test is None:
            form = self._value(trait.removeprefix(arguments.FORM), "String")
            test = f"{_STRING} AND lengthUTF8({_LEAF_TEXT}) <= {arguments.LONGEST_FORM} AND {_FORM} = {form}"
        return f"arrayExists(one -> {test}, {self._raw})"

    def has_end(self, end: str, *, at_end: bool) -> str:
        """Whether one of them is a text with this beginning or end."""
        function = "endsWith" if at_end else "startsWith"
        text = f"substringUTF8({_LEAF_TEXT}, 1, {arguments.LONGEST_VALUE})"
        test = f"{_STRING} AND {function}({text}, {self._value(end, 'String')})"
        return f"arrayExists(one -> {test}, {self._raw})"

    def _under(self, path: str) -> str:
        """The values at a path, as JSON, without lists and objects that have inner values."""
        is_value = "one != '' AND (one IN ('[]', '{}') OR NOT match(one, '^[\\\\[{]'))"
        return f"arrayFilter(one -> {is_value}, {self._at(path)})"

    def _at(self, path: str) -> str:
        """All values at a path, as JSON; an empty text for an object without it."""
        values = f"[{ARGUMENTS}]"
        for segment in path.split("."):
            key = segment
            lists = 0
            while key.endswith(_ELEMENTS):
                key, lists = key.removesuffix(_ELEMENTS), lists + 1
            if key:
                values = f"arrayMap(one -> JSONExtractRaw(one, {self._value(key, 'String')}), {values})"
            for _ in range(lists):
                values = f"arrayFlatten(arrayMap(one -> JSONExtractArrayRaw(one), {values}))"
        if "." in path:
            # A key may contain dots.
            whole = f"JSONExtractRaw({ARGUMENTS}, {self._value(path, 'String')})"
            values = f"if({whole} != '', [{whole}], {values})"
        return values


def leaf_names() -> str:
    """The paths of values in arguments, as an array, down to a limited number of levels."""
    return f"arrayDistinct({_paths(ARGUMENTS, _DEEPEST)})"


def _paths(json: str, levels: int) -> str:
    inner = f"one{levels}"
    # The length of a text is a feature of its own.
    ends = f"if(startsWith({json}, '\"'), ['', '{_LENGTH}'], [''])"
    if not levels:
        return ends
    below = _paths(inner, levels - 1)
    joined = "if(rest = '' OR match(rest, '^[.\\\\[]'), '', '.'), rest"
    return (
        f"multiIf({json} IN ('[]', '{{}}', 'null', ''), CAST([], 'Array(String)'),"
        f" startsWith({json}, '{{'), arrayFlatten(arrayMap((key{levels}, {inner}) ->"
        f" arrayMap(rest -> concat(key{levels}, {joined}), {below}),"
        f" arrayMap(pair -> pair.1, JSONExtractKeysAndValuesRaw({json})),"
        f" arrayMap(pair -> pair.2, JSONExtractKeysAndValuesRaw({json})))),"
        f" startsWith({json}, '['), arrayFlatten(arrayMap({inner} ->"
        f" arrayMap(rest -> concat('[]', {joined}), {below}),"
        f" JSONExtractArrayRaw({json}))),"
        f" {ends})"
    )
