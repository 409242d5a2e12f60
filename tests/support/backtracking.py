"""Counts the steps that ``re`` takes for an expression, on strings made to be hard for it.

``re`` does not say how long it searches, and a test that measures seconds tells more of the machine. So this
runs the parsed expression as ``re`` does (the same order of choices, every start, every match) and counts.
The hard strings come from the expression: each of its parts that may repeat is reached by a sample of what
stands before it, then one character or sample goes on for long, and what follows does not fit.
"""

from __future__ import annotations

import importlib
import re
import string
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from random import Random
from typing import Any, Final

_parser: Any = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")

SHORT: Final = 40
"""How often the string's long part repeats in the first of two runs."""
_MOST_DOUBLINGS: Final = 6
_MOST_STEPS: Final = 1_500_000
MOST_GROWTH: Final = 2.5
"""How many times the steps may grow with twice the string: linear ones grow twice."""
_UNBOUNDED: Final = 1000
"""A part that may repeat as often is taken for one without a bound."""
_ODD: Final = "\x00\x1bé…•“\u200b\u2028\u00a0İ\U0001f600"
_CHARACTERS: Final = string.printable + _ODD
_TRIES: Final = 3
_LASTS: Final = ("", "\x00", "\n!")
"""What the long part ends in: what follows it in the expression hardly fits."""

Char = frozenset[str]
Instruction = tuple[str, Any, Any]
Program = list[Instruction]


class TooManyStepsError(Exception):
    """The search goes on beyond the steps that a test has time for."""


@dataclass
class Pattern:
    """One expression, compiled to instructions whose execution is counted.

    Args:
        text: the expression.
        flags: those of ``re``.
        method: how the package uses it: ``match``, ``fullmatch``, or one that searches.
    """

    text: str
    flags: int = 0
    method: str = "finditer"
    _characters: str = field(init=False)

    def __post_init__(self) -> None:
        self._tree = _parser.parse(self.text, self.flags)
        self._flags = self._tree.state.flags
        literals = {chr(number) for number in _literals(self._tree)}
        self._characters = "".join(dict.fromkeys(_CHARACTERS + "".join(sorted(literals))))
        self._sets: dict[Any, Char] = {}

    # ------------------------------------------------------------ the characters that a part takes
    def _charset(self, node: Any, flags: int) -> Char:
        key = (repr(node), flags & (re.IGNORECASE | re.DOTALL | re.ASCII))
        if key not in self._sets:
            self._sets[key] = frozenset(c for c in self._characters if _takes(node, c, flags))
        return self._sets[key]

    @cached_property
    def program(self) -> Program:
        """The instructions."""
        program: Program = []
        self._emit(self._tree, self._flags, program)
        if self.method == "fullmatch":
            program.append(("at", "AT_END_STRING", 0))
        program.append(("end", None, None))
        return program

    def _emit(self, nodes: Any, flags: int, program: Program) -> None:
        for operator, argument in nodes:
            self._emit_one(str(operator), argument, (operator, argument), flags, program)

    def _emit_one(  # noqa: C901 - one branch for each part of an expression
        self, name: str, argument: Any, node: Any, flags: int, program: Program
    ) -> None:
        if name in {"LITERAL", "NOT_LITERAL", "ANY", "IN"}:
            program.append(("char", self._charset(node, flags), None))
        elif name == "FAILURE":
            program.append(("char", frozenset(), None))
        elif name == "BRANCH":
            self._emit_branch(argument[1], flags, program)
        elif name == "SUBPATTERN":
            group, add, remove, inner = argument
            flags = (flags | add) & ~remove
            program.append(("save", None if group is None else (group, 0), None))
            self._emit(inner, flags, program)
            program.append(("save", None if group is None else (group, 1), None))
        elif name in {"MAX_REPEAT", "MIN_REPEAT"}:
            self._emit_repeat(argument, flags, program, is_greedy=name == "MAX_REPEAT")
        elif name == "POSSESSIVE_REPEAT":
            inner_program: Program = []
            self._emit_repeat(argument, flags, inner_program, is_greedy=True)
            program.append(("atomic", [*inner_program, ("end", None, None)], None))
        elif name == "ATOMIC_GROUP":
            program.append(("atomic", self._closed(argument, flags), None))
        elif name in {"ASSERT", "ASSERT_NOT"}:
            direction, inner = argument
            back = inner.getwidth()[0] if direction < 0 else 0
            program.append(("assert", self._closed(inner, flags), (back, name == "ASSERT")))
        elif name == "AT":
            program.append(("at", str(argument), flags))
        elif name == "GROUPREF":
            program.append(("ref", argument, None))
        elif name == "GROUPREF_EXISTS":
            group, there, absent = argument
            program.append(("if", group, None))
            at = len(program)
            self._emit(there, flags, program)
            program.append(("jump", None, None))
            program[at - 1] = ("if", group, len(program))
            jump = len(program) - 1
            self._emit(absent or [], flags, program)
            program[jump] = ("jump", len(program), None)
        else:
            raise NotImplementedError(f"{name} in {self.text!r}")

    def _closed(self, nodes: Any, flags: int) -> Program:
        program: Program = []
        self._emit(nodes, flags, program)
        return [*program, ("end", None, None)]

    def _emit_branch(self, branches: Any, flags: int, program: Program) -> None:
        jumps = []
        for branch in branches[:-1]:
            split = len(program)
            program.append(("split", None, None))
            self._emit(branch, flags, program)
            jumps.append(len(program))
            program.append(("jump", None, None))
            program[split] = ("split", split + 1, len(program))
        self._emit(branches[-1], flags, program)
        for jump in jumps:
            program[jump] = ("jump", len(program), None)

    def _emit_repeat(self, argument: Any, flags: int, program: Program, *, is_greedy: bool) -> None:
        least, most, inner = argument
        for _ in range(least):
            self._emit(inner, flags, program)
        if int(most) >= _UNBOUNDED:
            split = len(program)
            program.append(("split", None, None))
            program.append(("begin", split, None))
            self._emit(inner, flags, program)
            program.append(("advanced", split, None))
            program.append(("jump", split, None))
            program[split] = _split(split + 1, len(program), is_greedy=is_greedy)
            return
        splits = []
        for _ in range(int(most) - least):
            splits.append(len(program))
            program.append(("split", None, None))
            self._emit(inner, flags, program)
        for split in splits:
            program[split] = _split(split + 1, len(program), is_greedy=is_greedy)

    # ------------------------------------------------------------ the steps
    def steps(self, text: str) -> int:
        """Count the steps of the method.

        Raises:
            TooManyStepsError: there are more than a test has time for.
        """
        counter = _Counter()
        position = 0
        while position <= len(text):
            end, _ = _run(self.program, text, position, {}, counter)
            if self.method in {"match", "fullmatch"} or (self.method == "search" and end is not None):
                break
            position = end if end is not None and end > position else position + 1
        return counter.steps

    # ------------------------------------------------------------ the strings
    def families(self) -> Iterator[tuple[str, str, str]]:
        """Strings that are hard for the expression: what comes first, what goes on, and what comes last."""
        families: dict[tuple[str, str, str], None] = {}
        for prefix, repeated in self._starts(self._tree, self._flags, "", Random(1)):  # noqa: S311 - no secret
            families |= dict.fromkeys(product((prefix, ""), repeated, _LASTS))
            starts = (prefix, *(prefix + part for part in repeated[:_TRIES]))
            families |= dict.fromkeys(product(("",), starts, _LASTS[1:2]))
        yield from (family for family in families if family[1])

    def _starts(self, nodes: Any, flags: int, prefix: str, random: Random) -> Iterator[tuple[str, list[str]]]:
        """What leads to each part that may repeat, and what may repeat there."""
        for operator, argument in nodes:
            name = str(operator)
            if name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
                _, most, inner = argument
                if int(most) > 1:
                    yield prefix, self._pumps(inner, flags, random)
                yield from self._starts(inner, flags, prefix, random)
            elif name == "SUBPATTERN":
                _, add, remove, inner = argument
                yield from self._starts(inner, (flags | add) & ~remove, prefix, random)
            elif name == "BRANCH":
                for branch in argument[1]:
                    yield from self._starts(branch, flags, prefix, random)
            elif name in {"ASSERT", "ASSERT_NOT"}:
                yield from self._starts(argument[1], flags, prefix, random)
            elif name == "ATOMIC_GROUP":
                yield from self._starts(argument, flags, prefix, random)
            prefix += self._sample([(operator, argument)], flags, random)
        if prefix:
            yield prefix, []

    def _pumps(self, nodes: Any, flags: int, random: Random) -> list[str]:
        """What a part that repeats may repeat: one of each kind of character that it takes, and samples."""
        characters = self._first(nodes, flags)
        kinds: dict[tuple[bool, ...], str] = {}
        sets = self._used_sets
        for character in self._characters:
            if character in characters:
                kinds.setdefault(tuple(character in charset for charset in sets), character)
        samples = {self._sample(nodes, flags, random) for _ in range(_TRIES)}
        return [*kinds.values(), *sorted(samples - {""} - set(kinds.values()))]

    @cached_property
    def _used_sets(self) -> list[Char]:
        def charsets(program: Program) -> Iterator[Char]:
            for name, argument, _ in program:
                if name == "char":
                    yield argument
                elif name in {"assert", "atomic"}:
                    yield from charsets(argument)

        words = frozenset(c for c in self._characters if c.isalnum() or c == "_")
        return [words, *dict.fromkeys(charsets(self.program))]

    def _first(self, nodes: Any, flags: int) -> set[str]:
        """The characters that can be in a part."""
        found: set[str] = set()
        for operator, argument in nodes:
            name = str(operator)
            if name in {"LITERAL", "NOT_LITERAL", "ANY", "IN"}:
                found |= self._charset((operator, argument), flags)
            elif name == "SUBPATTERN":
                found |= self._first(argument[3], (flags | argument[1]) & ~argument[2])
            elif name == "BRANCH":
                for branch in argument[1]:
                    found |= self._first(branch, flags)
            elif name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
                found |= self._first(argument[2], flags)
            elif name == "ATOMIC_GROUP":
                found |= self._first(argument, flags)
        return found

    def _sample(self, nodes: Any, flags: int, random: Random) -> str:
        """A short string that fits."""
        pieces = []
        for operator, argument in nodes:
            name = str(operator)
            if name in {"LITERAL", "NOT_LITERAL", "ANY", "IN"}:
                charset = self._charset((operator, argument), flags)
                pieces.append(random.choice(sorted(charset)) if charset else "")
            elif name == "SUBPATTERN":
                pieces.append(self._sample(argument[3], (flags | argument[1]) & ~argument[2], random))
            elif name == "BRANCH":
                pieces.append(self._sample(random.choice(argument[1]), flags, random))
            elif name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
                least, most, inner = argument
                count = max(least, min(int(most), random.randint(least, least + 1)))
                pieces += [self._sample(inner, flags, random) for _ in range(count)]
            elif name == "ATOMIC_GROUP":
                pieces.append(self._sample(argument, flags, random))
        return "".join(pieces)


@dataclass
class _Counter:
    steps: int = 0


def _split(inside: int, after: int, *, is_greedy: bool) -> Instruction:
    return ("split", inside, after) if is_greedy else ("split", after, inside)


def _run(  # noqa: C901, PLR0912, PLR0915 - one loop, as engines are
    program: Program, text: str, start: int, registers: dict[Any, int], counter: _Counter
) -> tuple[int | None, dict[Any, int]]:
    """Where the match that begins at a position ends, and its groups; ``None`` if there is no match."""
    stack = [(0, start, registers)]
    while stack:
        at, position, registers = stack.pop()
        while True:
            counter.steps += 1
            if counter.steps > _MOST_STEPS:
                raise TooManyStepsError
            name, first, second = program[at]
            at += 1
            if name == "char":
                if position >= len(text) or text[position] not in first:
                    break
                position += 1
            elif name == "split":
                stack.append((second, position, registers))
                at = first
            elif name == "jump":
                at = first
            elif name == "save":
                if first is not None:
                    registers = {**registers, first: position}
            elif name == "begin":
                registers = {**registers, ("began", first): position}
            elif name == "advanced":
                if registers["began", first] == position:
                    at += 1  # nothing was taken: do not repeat it
            elif name == "end":
                return position, registers
            elif name == "at":
                if not _is_at(first, text, position, second):
                    break
            elif name == "ref":
                begin, end = registers.get((first, 0)), registers.get((first, 1))
                if begin is None or end is None or not text.startswith(text[begin:end], position):
                    break
                counter.steps += end - begin
                position += end - begin
            elif name == "if":
                at = at if (first, 1) in registers else second
            elif name == "atomic":
                end_of_part, registers = _run(first, text, position, registers, counter)
                if end_of_part is None:
                    break
                position = end_of_part
            else:
                back, is_positive = second
                looked = None
                if position >= back:
                    looked, seen = _run(first, text, position - back, registers, counter)
                    registers = seen if is_positive and looked is not None else registers
                if (looked is not None) != is_positive:
                    break
    return None, registers


def _is_at(where: str, text: str, position: int, flags: int) -> bool:
    before = text[position - 1] if position else ""
    after = text[position : position + 1]
    if where in {"AT_BEGINNING", "AT_BEGINNING_STRING"}:
        is_multiline = flags & re.MULTILINE and where == "AT_BEGINNING"
        return not before or bool(is_multiline and before == "\n")
    if where == "AT_END_STRING":
        return not after
    if where == "AT_END":
        return not after or (after == "\n" and bool(position + 1 == len(text) or flags & re.MULTILINE))
    is_boundary = _is_word(before) != _is_word(after)
    return is_boundary if where == "AT_BOUNDARY" else not is_boundary


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _takes(node: Any, character: str, flags: int) -> bool:
    name, argument = str(node[0]), node[1]
    if name == "ANY":
        return bool(flags & re.DOTALL) or character != "\n"
    variants = {character}
    if flags & re.IGNORECASE:
        variants |= {c for c in (character.lower(), character.upper()) if len(c) == 1}
    if name in {"LITERAL", "NOT_LITERAL"}:
        return (chr(argument) in variants) == (name == "LITERAL")
    items = [(str(operator), value) for operator, value in argument]
    is_negated = items[0][0] == "NEGATE"
    found = any(_in_item(item, variant, flags) for item in items for variant in variants)
    return found != is_negated


_CATEGORIES: Final[dict[str, Callable[[str], bool]]] = {
    "DIGIT": str.isdecimal,
    "SPACE": str.isspace,
    "WORD": _is_word,
}


def _in_item(item: tuple[str, Any], character: str, flags: int) -> bool:
    name, value = item
    if name == "LITERAL":
        return chr(value) == character
    if name == "RANGE":
        return bool(value[0] <= ord(character) <= value[1])
    if name == "CATEGORY":
        words = str(value).split("_")
        is_in = _CATEGORIES[words[-1]](character) and not (flags & re.ASCII and not character.isascii())
        return is_in != ("NOT" in words)
    return False


def _literals(nodes: Any) -> Iterator[int]:
    """The numbers of the characters that an expression names."""
    if isinstance(nodes, tuple) and len(nodes) == 2 and str(nodes[0]) in {"LITERAL", "NOT_LITERAL"}:
        yield nodes[1]
    elif isinstance(nodes, tuple) and len(nodes) == 2 and str(nodes[0]) == "RANGE":
        yield from nodes[1]
    elif isinstance(nodes, (tuple, list, _parser.SubPattern)):
        for node in nodes:
            yield from _literals(node)


def growth(pattern: Pattern, family: tuple[str, str, str]) -> float:
    """How many times the steps grow with twice the string.

    A bound within the expression (``.{0,400}``) looks as if there were none while the string is shorter, so
    what grows faster than the string is tried on longer ones.
    """
    first, pump, last = family
    count, result = SHORT, 0.0
    for _ in range(_MOST_DOUBLINGS):
        try:
            shorter, longer = (pattern.steps(first + pump * times + last) for times in (count, 2 * count))
        except TooManyStepsError:
            return float("inf")
        result = longer / shorter
        if result <= MOST_GROWTH:
            break
        count *= 2
    return result


def hardest(pattern: Pattern) -> tuple[float, tuple[str, str, str]]:
    """The string that is hardest for the expression, and how many times its steps grow with twice of it."""
    worst: tuple[float, tuple[str, str, str]] = (0.0, ("", "", ""))
    for family in pattern.families():
        result = growth(pattern, family)
        if result > worst[0]:
            worst = (result, family)
        if result > MOST_GROWTH:
            break
    return worst
