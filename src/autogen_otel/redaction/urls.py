"""Secrets inside URLs: userinfo, and query parameters that sign or authorise."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, unquote_plus

from autogen_otel.redaction.names import looks_random, looks_secret, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.redaction.views import Span

# Greedy up to the last @ of the authority, because passwords contain unquoted @.
_USERINFO = re.compile(r"""(?<=://)[^\s/?#"'<>\\]{1,1024}@""")
_PARAMETER = re.compile(r"""(?<=[?&;#])([A-Za-z0-9_.~%-]{1,64})=([^\s&#"'<>\\;]+)""")
# Names too ordinary to look secret elsewhere; a value this long is no page or error code.
_SIGNING: Final = words_of("sig signature x-amz-signature x-goog-signature x-amz-credential code key")
_SIGNING_LENGTH: Final = 8
_TOKEN_LENGTH: Final = 16
_LOGINS: Final = words_of("git hg svn anonymous")
_LOGIN_SCHEME: Final = re.compile(r"(?i)(?:ssh|sftp|rsync|git)://\Z")
"""With these, a name without a password is only a name."""


def url_secrets(text: str) -> Iterator[Span]:
    """Find userinfo and the values of query parameters that authorise."""
    if "://" in text and "@" in text:
        for match in _USERINFO.finditer(text):
            start, end = match.start(), match.end() - 1
            if not _is_login(text[max(0, start - 8) : start], text[start:end]):
                yield start, end
    if "=" in text:
        for match in _PARAMETER.finditer(text):
            if authorises(*match.groups()):
                yield match.span(2)


def secrets_in_urls(text: str) -> Iterator[str]:
    """Find the passwords and secret query values in URLs, as written and unquoted."""
    if "://" not in text:
        return
    for userinfo in _USERINFO.findall(text):
        user, colon, password = userinfo[:-1].partition(":")
        if not colon and len(user) >= _TOKEN_LENGTH and looks_random(user):
            # https://ghx_…@github.com: a token instead of a name.
            password = user
        yield password
        yield unquote(password)
    for name, value in _PARAMETER.findall(text):
        if authorises(name, value):
            yield value
            yield unquote_plus(value)


def authorises(name: str, value: str) -> bool:
    """Tell whether a query parameter is a secret: by its name, and if that is ordinary by its length too."""
    if name.lower() in _SIGNING:
        return len(value) >= _SIGNING_LENGTH
    return looks_secret(name)


def _is_login(before: str, userinfo: str) -> bool:
    if ":" in userinfo or (len(userinfo) >= _TOKEN_LENGTH and looks_random(userinfo)):
        return False
    return userinfo.lower() in _LOGINS or _LOGIN_SCHEME.search(before) is not None
