r"""Secrets under secret-looking names in free text, in the notations of programs and people.

Each expression bounds what it repeats and begins where a word does, and what was read is not read again: so
all of it takes linear time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from autogen_otel.redaction.names import is_harmless, looks_secret, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.redaction.views import Span

_SIGNS: Final = re.compile(r"[:=|<(\[]|-(?<![\w.-].)")
"""One of these stands in each notation."""
_SIGN: Final = re.compile(r"=>|:=|==|[=:]")
_TAIL: Final = 108
_LONG_TEXT: Final = 1024
_MOST_KEYS: Final = 16
_KEY: Final = re.compile(r'"[^"]*":')
_SHORT_TAIL: Final = 32
"""Holds most names, with what stands between name and sign."""
_LONGEST_NAME: Final = 80
_FIRST_WORDS: Final = [
    "api",
    "access",
    "secret",
    "private",
    "account",
    "subscription",
    "auth",
    "refresh",
    "client",
    "connection",
]
_BEFORE_SIGN: Final = re.compile(
    rf"""[\s\\"'`*\])}}]{{0,12}}([\w.-]{{1,{_LONGEST_NAME}}}
    (?:[ ](?:{"|".join(word[::-1] for word in _FIRST_WORDS)})\b)?)""",
    re.VERBOSE | re.IGNORECASE,
)
"""Matched backwards from the sign, because signs are rare and words are everywhere."""
_NAME: Final = r"[A-Za-z_][\w.-]{0,79}"
_CLOSING: Final = r"""[\\"'`*\])}]{0,8}"""
_OPENING: Final = r"""[bBfFrRuU]{0,2}\\{0,3}["'`]"""

# --token …, ["--token", "…"]
_OPTION: Final = re.compile(
    rf"""-(?<![\w.-].)-?({_NAME})
    (?:{_CLOSING}[ \t]{{1,4}}|\\{{0,3}}["'`],\s{{0,4}}(?={_OPENING}[^-]))(?=[^\s-])""",
    re.VERBOSE,
)
# ("password", "…"), os.environ.get("API_KEY", default="…"), getattr(config, "password", "…")
_PAIR_IN: Final = (
    rf"""(?:(?<=attr.)[\w.]{{1,40}},|(?:key|name)=)?\s?{_OPENING}({_NAME})\\{{0,3}}["'`]"""
    rf"""\s{{0,4}},\s{{0,4}}(?:(?:default|value|fallback)=)?(?={_OPENING})"""
)
_PAIR: Final = re.compile(rf"\({_PAIR_IN}")
_LIST_PAIR: Final = re.compile(rf"\[{_PAIR_IN}")
# | password | … |
_CELL: Final = re.compile(rf"""\|[ \t]{{0,16}}[*_`]{{0,3}}({_NAME})[*`]{{0,3}}[ \t]{{0,16}}(?=\|)""")
# <password>…</password>, <entry key="password">…</entry>
_TAG: Final = re.compile(
    rf"""<(?:\w{{1,20}}[ ](?:name|key|id)=\\{{0,3}}["']|[A-Za-z]\w{{0,20}}:)?
    ({_NAME})(?:["'\s][^<>]{{0,80}})?>(?:<!\[CDATA\[)?""",
    re.VERBOSE,
)
# <td>password</td><td>…</td>, <b>password</b>: …
_TAGGED: Final = re.compile(
    rf""">\s{{0,4}}({_NAME})\s?:?(?:</[a-z]{{1,8}}>[\s:=]{{0,4}}){{1,2}}(?:<[a-z]{{1,8}}>\s{{0,4}}){{0,3}}"""
)
# -u name:…
_LOGIN: Final = re.compile(
    r"""-(?<![\w-].)(?:u|-user|-proxy-user)[ =]{1,3}["']?[^\s:"'/=]{1,64}:(?=[^\s"'/])"""
)
_LOGIN_OPTIONS: Final = words_of("u user proxy-user")
# {"name": "password", "value": "…"}
_PART_OF_PAIR: Final = re.compile(
    rf"""([nNkKhHfFvV](?<![\w.-].)(?:ame|AME|ey|EY|eader|EADER|ield|IELD|alue|ALUE)){_CLOSING}\s{{0,4}}(=>|[=:>])\s{{0,4}}(?:{_OPENING})?([\w.-]{{0,80}})"""
)

_NOTATIONS: Final = (
    *(("-", _OPTION), ("(", _PAIR), ("[", _LIST_PAIR), ("|", _CELL), ("<", _TAG), ("<", _TAGGED)),
)
"""Those without a sign of assignment, by a character that stands in each."""

_ANNOTATION: Final = re.compile(
    r"""[ \t]{0,4}(?:[A-Za-z_]\w{0,30}\.)?
    (?:str|bytes|int|Any|Optional|Union|Final|Annotated|ClassVar|Secret\w{0,10}|[Ss]tring)\b
    (?:\[[^\]\n=]{0,60}\])?(?:\s?\|\s?[\w.]{1,40}){0,4}\s{0,4}=(?!=)""",
    re.VERBOSE,
)
_GAP: Final = re.compile(rf"""\*{{0,2}}(?:\s{{0,8}}(?={_OPENING})|[ \t\u00a0]{{0,8}})(?:\*\*|__)?""")
# password: !!str …, password: &anchor …
_TAG_OF_YAML: Final = re.compile(
    r"(?:[ \t]{1,8}(?:!{1,2}[a-z]{2,20}|&[A-Za-z]\w{0,20})){1,2}(?=[ \t]{1,8}[^\s])"
)
# password: {"value": …}
_WRAPPED: Final = re.compile(
    r"""\{\s{0,4}\\{0,3}["']?(?:\w{0,8}[vV]alue|default|plain|data)\\{0,3}["']?\s{0,4}[:=]\s{0,4}"""
)
# A literal inside a call stays a literal: SecretStr("…").
_QUOTED: Final = re.compile(
    r"""(?:(?:[\w.]{0,40}Secret\w{0,20}|str|bytes|[\w.]{0,40}decode)\(\s?)?
    [bBfFrRuU]{0,2}(\\{0,3})(\"\"\"|'''|["'`])""",
    re.VERBOSE,
)
_ADJACENT: Final = re.compile(r"""["'](?:\s{1,8}|\s{0,8}\+\s{0,8})[bBfFrRuU]{0,2}(\\{0,3})(["'])""")
"""Between two literals of source code that are one text."""
_MARK: Final = re.compile(r"""(\\+)(["'`])?|["'`\n]""")
_BRACKETS: Final = {"[": "]", "(": ")", "{": "}", "<": ">"}
_QUOTES: Final = frozenset("\"'`")
_LONGEST_WORD: Final = 128
_WITH_DIGIT: Final = re.compile(r"""[^\s"':0-9]*[0-9][^\s"':]*""")
_VARIABLES: Final = re.compile(r"[A-Za-z_.]+(?:,\s?[A-Za-z_.]+)+,?")
_MARKUP_VALUE: Final = re.compile(r"(?<=\[CDATA\[)(?:[^\]]|\](?!\]>)){1,1024}|[^<]{1,1024}")
_CELL_VALUE: Final = re.compile(r"[ \t]{0,16}([^|\n]{1,1024}?)[ \t]{0,16}(?=[|\n]|\Z)")
_WORDS_ONLY: Final = re.compile(r"[\sA-Za-z:_-]*")
# A separator or bracket ends a value only where white space, a quote or the next name follows.
_BARE: Final = re.compile(
    r"""(?=[^\s,;&()\[\]{}<>])
    (?:[^\s,;&"'`<>(){}\[\]\\]+
      |(?!</?[A-Za-z][\w-]{0,80}[ ]?/?>)
       [,;&()\[\]{}<>]+(?=[^\s,;&()\[\]{}<>"'`\\])(?![A-Za-z_][\w.-]{0,40}[ ]?[=:]|[:.!?](?:\s|\Z))
      |["'](?=[A-Za-z0-9])
      |\\(?![nrt"'\\]))+""",
    re.VERBOSE,
)
_SCHEME: Final = re.compile(r"""(?i)(?:bearer|basic|token|apikey|negotiate|ntlm)[ \t]+(?=\S)""")
_COOKIE: Final = re.compile(r"""(?!\[redacted\])[^\s=;,"'\\]{1,128}=[^\r\n"'\\]*""")
_SIGNATURE: Final = re.compile(r"""(?i)(?:digest|aws4-)[^\r\n'\\]*""")
# An expression of source code, as stack traces show it: a call, an index, an attribute.
_CODE: Final = re.compile(
    r"[A-Za-z_]{1,40}(?:\.[A-Za-z_]{1,40}){0,8}[(\[]|(?:self|cls|os|args|settings|config|cfg|ctx|env|request)\.\w"
)
_PLACEHOLDER: Final = re.compile(r"\$\{?[A-Z_][A-Z0-9_]*\}?|%(?:\(\w+\))?s|\{\w*\}|\*+|\.{3}|…")
_PLAIN_WORD: Final = re.compile(r"[A-Za-z-]+[.!?,]?")
_NEXT_WORD: Final = re.compile(r"[ \t]{1,4}[^\s=:#](?!\w{0,40}[=:])")
_BLOCK: Final = re.compile(r"(?:[ \t]{1,8}([|>][-+0-9]{0,2}))?[ \t]{0,8}\r?\n(?=[ \t])")
_LINE: Final = re.compile(r"([ \t]*)([^\n]*)(?:\n|\Z)")
_MAPPING: Final = re.compile(r"""(?:- )?["']?[\w.-]{1,80}["']?:(?:\s|\Z)""")
# Under these names even a short plain word is a secret.
_ANY_VALUE: Final = ("password", "passwd", "pwd", "passphrase", "secret", "pin")
_SHORTEST_VALUE: Final = 6
_FOLDERS: Final = words_of("pwd oldpwd")
_FOLDER: Final = re.compile(r"[/~\\]|[A-Za-z]:[\\/]")
_FILE: Final = re.compile(
    r"(?:[A-Za-z]:|~|\.{1,2})?(?:[\\/][\w.-]+){2,}\.\w{2,5}|/(?:etc|var|run|home|usr)/[\w./-]+"
)


def names_a_secret(text: str) -> bool:
    """Tell whether a value in a text stands under a secret-looking name.

    A call is made for each distinct name and what is before it, and not for each that stands there.
    """
    if _SIGNS.search(text) is None:
        # Names, identifiers and most sentences.
        return False
    if ":" in text:
        # Long results of tools are records with the same keys: to count them takes a fifth of listing them.
        keys = set(_KEY.findall(text, 0, text.find("}"))) if len(text) > _LONG_TEXT else set()
        is_known = 0 < len(keys) <= _MOST_KEYS and sum(map(text.count, keys)) == text.count(":")
        if any(map(looks_secret, keys)) or (not is_known and _is_secret_before(text, ":")):
            return True
    if "=" in text and _is_secret_before(text, "="):
        return True
    for mark, expression in _NOTATIONS:
        if mark in text:
            names = set(expression.findall(text))
            if any(map(looks_secret, names)) or not _LOGIN_OPTIONS.isdisjoint(names):
                return True
    return "alue" in text and next(_named_values(text), None) is not None


def _is_secret_before(text: str, sign: str) -> bool:
    parts = text.split(sign)
    for length in (_SHORT_TAIL, _TAIL):
        has_longer = False
        # A set, because where there are many signs, what stands before them repeats itself.
        for tail in {part[-length:] for part in parts}:
            match = _BEFORE_SIGN.match(tail[::-1])
            if match is None:
                continue
            if looks_secret(match[1][::-1]):
                return True
            has_longer = has_longer or match.end() == length
        if not has_longer:
            break
    return False


def _name_before(tail: str) -> str:
    match = _BEFORE_SIGN.match(tail[::-1])
    return match[1][::-1] if match else ""


def assigned_secrets(text: str) -> Iterator[Span]:
    """Find the values under secret-looking names."""
    yield from _assigned(text)
    yield from _pairs(text)
    yield from _marked(text)
    if "alue" in text:
        yield from _named_values(text)
    for login in _LOGIN.finditer(text):
        value = _BARE.match(text, login.end())
        if value and not _PLACEHOLDER.fullmatch(value.group()):
            yield value.span()


def _assigned(text: str) -> Iterator[Span]:
    resume = 0
    for sign in _SIGN.finditer(text):
        at = sign.start()
        if at < resume:
            continue
        before = text[max(resume, at - _TAIL) : at]
        name = _name_before(before)
        if looks_secret(name) and not before.lower().endswith("unexpected token"):
            is_quoted = not _QUOTES.isdisjoint(before[before.rfind(name) + len(name) :])
            span, resume = _value(text, sign.end(), name, sign.group(), is_quoted=is_quoted)
            if span:
                yield span
    match = _OPTION.search(text)
    while match:
        resume = match.end()
        if looks_secret(match[1]):
            span, resume = _value(text, resume, match[1], "", is_quoted=False)
            if span:
                yield span
        match = _OPTION.search(text, resume)


def _value(text: str, at: int, name: str, sign: str, *, is_quoted: bool) -> tuple[Span | None, int]:
    """Find the secret that begins behind a sign, and where to search on: what was read is not read again."""
    annotation = _ANNOTATION.match(text, at) if sign == ":" else None
    if annotation:
        at, sign = annotation.end(), "="
    tag = _TAG_OF_YAML.match(text, at) if sign == ":" else None
    if tag:
        at = tag.end()
    gap = _GAP.match(text, at)
    start = gap.end() if gap else at
    while wrapping := _WRAPPED.match(text, start):
        start, is_quoted = wrapping.end(), True
    opening = _QUOTED.match(text, start)
    if opening:
        span = opening.end(), _end_of_literals(text, opening)
        is_secret = not _is_no_value(name, text[slice(*span)], is_quoted=is_quoted)
        return (span if is_secret else None), span[1]
    header = _header(text, start, name.lower())
    if header:
        return header, header[1]
    if sign == ":" and _BLOCK.match(text, at):
        return _block(text, at, name)
    if text[start : start + 1] in _BRACKETS:
        return _in_brackets(text, start, name)
    return _bare(text, start, name, sign, is_quoted=is_quoted)


def _bare(text: str, at: int, name: str, sign: str, *, is_quoted: bool) -> tuple[Span | None, int]:
    scheme = _SCHEME.match(text, at)
    bare = None if _CODE.match(text, at) else _BARE.match(text, scheme.end() if scheme else at)
    if bare is None:
        return None, at
    is_secret = scheme is not None or not _is_no_secret(text, name, sign, bare, is_quoted=is_quoted)
    return ((at, bare.end()) if is_secret else None), bare.end()


def _header(text: str, at: int, name: str) -> Span | None:
    if not name.endswith(("authorization", "cookie")):
        return None
    match = (_COOKIE if name.endswith("cookie") else _SIGNATURE).match(text, at)
    return match.span() if match else None


def _end_of_literals(text: str, opening: re.Match[str]) -> int:
    """Return the end of quoted text, and of the literals that follow it as parts of the same text."""
    end = _end_of_quoted(text, opening)
    while further := _ADJACENT.match(text, end):
        end = _end_of_quoted(text, further)
    return end


def _end_of_quoted(text: str, opening: re.Match[str]) -> int:
    """Return the end of quoted text: its closing quote, else the end of the line."""
    escape, quote = opening.groups()
    if len(quote) > 1:
        end = text.find(quote, opening.end())
        return end if end >= 0 else len(text)
    for mark in _MARK.finditer(text, opening.end()):
        slashes, escaped_quote = mark.groups()
        if slashes is None:
            if mark.group() == "\n" or (mark.group() == quote and not escape):
                return mark.start()
        elif escaped_quote == quote:
            if escape and len(slashes) <= len(escape):
                return mark.start()
            if not escape and len(slashes) % 2 == 0:
                return mark.end() - 1
    return len(text)


def _in_brackets(text: str, at: int, name: str) -> tuple[Span | None, int]:
    bracket, start = text[at], at + 1
    line_end = text.find("\n", start)
    line_end = line_end if line_end >= 0 else len(text)
    is_list = bracket in "(["
    end = text.find(_BRACKETS[bracket], start, line_end if is_list else start + _LONGEST_WORD)
    if end < 0:
        return ((start, line_end), line_end) if is_list else (None, start)
    while is_list and text[end + 1 : end + 2].isalnum():
        # A bracket inside the value: (ab)cd).
        further = text.find(_BRACKETS[bracket], end + 1, line_end)
        end = further if further >= 0 else line_end
    content = text[start:end]
    if is_list:
        is_secret = not (_CODE.match(content) or _VARIABLES.fullmatch(content))
    else:
        # Else an object, whose own names tell, or a place to fill in.
        is_secret = _WITH_DIGIT.fullmatch(content) is not None
    word = content.strip("[]")
    if not is_secret or _is_no_value(name, word, is_quoted=True) or looks_secret(word):
        return None, start
    return (start, end), end


def _block(text: str, at: int, name: str) -> tuple[Span | None, int]:
    """Find the value that a key of YAML has on the lines below it."""
    block = _BLOCK.match(text, at)
    assert block is not None
    key_line = text[text.rfind("\n", 0, at) + 1 : at]
    indentation = len(key_line) - len(key_line.lstrip(" \t-"))
    start = end = block.end()
    lines: list[str] = []
    while end < len(text):
        line = _LINE.match(text, end)
        assert line is not None
        if len(line[1]) <= indentation or not line[2] or _MAPPING.match(line[2]):
            break
        lines.append(line[2])
        end = line.end()
    is_list = all(line.startswith("- ") for line in lines)
    if not lines or not (block[1] or is_list or (len(lines) == 1 and len(lines[0].split()) == 1)):
        return None, block.end()
    if _is_no_value(name, lines[0].strip(), is_quoted=True):
        return None, block.end()
    first = start + len(text[start:end]) - len(text[start:end].lstrip(" \t"))
    return (first, first + len(text[first:end].rstrip())), end


def _pairs(text: str) -> Iterator[Span]:
    for expression in (_PAIR, _LIST_PAIR):
        match = expression.search(text)
        while match:
            resume = match.end()
            if looks_secret(match[1]):
                opening = _QUOTED.match(text, match.end())
                assert opening is not None
                start, resume = opening.end(), _end_of_quoted(text, opening)
                if _is_pair(text, match.start(), resume) and _is_secret(match[1], text[start:resume]):
                    yield start, resume
            match = expression.search(text, resume)


def _is_pair(text: str, at: int, end: int) -> bool:
    """Whether brackets hold two values: of a list or tuple only a pair tells, a call takes more."""
    is_call = at > 0 and (text[at - 1].isalnum() or text[at - 1] == "_")
    return is_call or text[end : end + 8].lstrip("\\\"'` ,")[:1] == _BRACKETS[text[at]]


def _marked(text: str) -> Iterator[Span]:
    """Find values in cells of tables, and in elements of XML and HTML."""
    for match in _CELL.finditer(text) if "|" in text else ():
        value = _CELL_VALUE.match(text, match.end() + 1)
        if value and looks_secret(match[1]) and not _WORDS_ONLY.fullmatch(value.group()):
            yield value.span(1)
    for match in _TAGGED.finditer(text) if "<" in text else ():
        value = _MARKUP_VALUE.match(text, match.end())
        if value and looks_secret(match[1]) and not _WORDS_ONLY.fullmatch(value.group()):
            yield value.span()
    for match in _TAG.finditer(text) if "<" in text else ():
        value = _MARKUP_VALUE.match(text, match.end())
        is_closed = value is not None and text.startswith(("</", "]]>"), value.end())
        if value and is_closed and _is_secret(match[1], value.group()):
            yield value.span()


def _named_values(text: str) -> Iterator[Span]:
    """Find values whose name is itself a value, before or behind them."""
    value: re.Match[str] | None = None
    named: re.Match[str] | None = None
    for match in _PART_OF_PAIR.finditer(text):
        if match[1].lower() != "value":
            named = match if looks_secret(match[3]) else None
        else:
            value = match
        if named is None or value is None:
            continue
        span, end = _value(text, value.end(2), named[3], value[2], is_quoted=True)
        if value is match:
            is_apart = _is_apart(text, named.end(), value.start())
        else:
            is_apart = _is_apart(text, end, named.start())
        if span and not is_apart:
            yield span
        named, value = (named, None) if is_apart and named is match else (None, None)


def _is_apart(text: str, start: int, end: int) -> bool:
    """Whether an object ends between two of its parts."""
    return any(text.find(sign, start, end) >= 0 for sign in ("}", "/>"))


def _is_secret(name: str, value: str) -> bool:
    return looks_secret(name) and not _is_no_value(name, value.strip(), is_quoted=True)


def _is_no_value(name: str, value: str, *, is_quoted: bool) -> bool:
    if not value.strip() or is_harmless(name, value) or _PLACEHOLDER.fullmatch(value):
        return True
    if name.lower() in _FOLDERS and _FOLDER.match(value):
        return True
    lowered = name.lower()
    if not lowered.endswith(_ANY_VALUE) and _FILE.fullmatch(value):
        return True
    return len(value) < _SHORTEST_VALUE and not is_quoted and not lowered.endswith(_ANY_VALUE)


def _is_no_secret(text: str, name: str, sign: str, bare: re.Match[str], *, is_quoted: bool) -> bool:
    value = bare.group()
    if _is_no_value(name, value, is_quoted=is_quoted):
        return True
    if looks_secret(value) and value.replace("_", "").replace(".", "").isalpha():
        # A variable passed on: password=user_password.
        return True
    if sign != ":" or is_quoted or not _PLAIN_WORD.fullmatch(value):
        return False
    # A sentence: "The secret: never give up."
    return value.endswith((".", "!", "?")) or _NEXT_WORD.match(text, bare.end()) is not None
