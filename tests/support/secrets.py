"""Secrets: a dozen that are planted one by one, and forty kinds as programs and people write them."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote


def random_text(seed: str, length: int = 40) -> str:
    """Letters and digits without the format of any known issuer."""
    return (hashlib.sha256(seed.encode()).hexdigest() * 4)[:length]


KEY = random_text("the key of the first entry")
OTHER_KEY = random_text("the key of the second entry")
HEADER = random_text("a header")
BEARER = random_text("a bearer token", 48)
PASSWORD = "Tr0ub4dor+" + random_text("a password", 8)
QUERY = random_text("a signature in a query")
AZURE = random_text("an Azure key", 32)
AWS_ID = "AKIA" + random_text("an AWS id", 16).upper()
AWS_SECRET = random_text("an AWS secret")
JWT = f"eyJhbGciOiJIUzI1NiJ9.eyJ{random_text('claims', 24)}.{random_text('signature', 43)}"
OPENAI = "sk-proj-" + random_text("a key that no configuration holds", 48)
ENVIRONMENT = random_text("a variable")

SECRETS = {
    "KEY": KEY,
    "OTHER_KEY": OTHER_KEY,
    "HEADER": HEADER,
    "BEARER": BEARER,
    "PASSWORD": PASSWORD,
    "QUERY": QUERY,
    "AZURE": AZURE,
    "AWS_ID": AWS_ID,
    "AWS_SECRET": AWS_SECRET,
    "JWT": JWT,
    "OPENAI": OPENAI,
    "ENVIRONMENT": ENVIRONMENT,
}
"""The planted ones by name."""

_PART = 16
"""So many characters of a secret in a row count as the secret: half a key is no better than a whole one.

The secrets are hexadecimal, as are the ids of spans: with ten, ids have been taken for parts of a key.
"""

_BLOCK, _STRIDE = 8, 9
"""Of so many characters, one begins at every so many: each part has one in it, whole, wherever it stands."""


@dataclass(frozen=True)
class Kind:
    """One kind.

    Args:
        name: of the kind.
        secret: what must not get out.
        written: a line of text that holds it, and by which it is to be recognised.
    """

    name: str
    secret: str
    written: str


def _digits(seed: str, length: int) -> str:
    return str(int(hashlib.sha256(seed.encode()).hexdigest(), 16))[:length]


def _issued(name: str, prefix: str, length: int = 40, end: str = "") -> Kind:
    secret = f"{prefix}{random_text(name, length)}{end}"
    return Kind(name, secret, secret)


def _written(name: str, around: str, length: int = 32) -> Kind:
    secret = random_text(name, length)
    return Kind(name, secret, around.format(secret))


def _mixed(name: str, length: int) -> str:
    return base64.b64encode(hashlib.sha512(name.encode()).digest() * 3).decode().replace("/", "x")[:length]


def _kinds() -> Iterator[Kind]:
    yield _issued("OpenAI", "sk-", 48)
    yield _issued("OpenAI project", "sk-proj-", 96)
    yield _issued("Anthropic", "sk-ant-api03-", 93, "AA")
    yield _issued("OpenRouter", "sk-or-v1-", 64)
    yield _issued("Google", "AIza", 35)
    yield _issued("Groq", "gsk_", 52)
    yield _issued("xAI", "xai-", 80)
    yield _issued("Perplexity", "pplx-", 48)
    yield _issued("Hugging Face", "hf_", 34)
    yield _issued("NVIDIA", "nvapi-", 64)
    yield Kind("AWS id", *("AKIA" + random_text("an id", 16).upper(),) * 2)
    yield _written("AWS secret", "aws_secret_access_key = {}", 40)
    yield Kind(
        "Azure AI", *(_mixed("azure", 52).replace("+", "y") + "JQQJ99" + random_text("azure", 26),) * 2
    )
    yield _written("Azure Storage", "DefaultEndpointsProtocol=https;AccountName=x;AccountKey={}==;z=1", 64)
    yield _written("shared access signature", "https://x.blob.core.windows.net/c?sv=2024&se=2026&sig={}", 43)
    yield _issued("GitHub", "ghp_", 36)
    yield _issued("GitHub fine-grained", "github_pat_", 59)
    yield _issued("GitLab", "glpat-", 20)
    yield Kind("Slack", *(f"xoxb-{_digits('slack', 12)}-{random_text('slack', 24)}",) * 2)
    yield _written("Slack webhook", "https://hooks.slack.com/services/{}", 44)
    yield _issued("Stripe", "sk_live_", 24)
    yield _issued("Twilio", "SK", 32)
    yield _issued("SendGrid", "SG.", 22, "." + random_text("SendGrid", 43))
    yield _issued("npm", "npm_", 36)
    yield _issued("PyPI", "pypi-AgEIcHlwaS5vcmc", 60)
    yield _issued("Databricks", "dapi", 32)
    yield Kind("Telegram", *(f"{_digits('bot', 9)}:AA{random_text('bot', 33)}",) * 2)
    yield Kind("Discord", *(f"MT{random_text('d', 24)}.GXyZab.{random_text('discord', 38)}",) * 2)
    yield _issued("Vault", "hvs.", 90)
    yield Kind("JWT", *(f"eyJhbGciOiJIUzI1NiJ9.eyJ{random_text('c', 30)}.{random_text('s', 43)}",) * 2)
    yield _written("private key", "-----BEGIN PRIVATE KEY-----\\n{}\\n-----END PRIVATE KEY-----", 64)
    yield _written("password of postgres", "postgresql://app:{}@db.internal:5432/claims")
    yield _written("password of MongoDB", "mongodb+srv://app:{}@cluster0.example.net/?retryWrites=true")
    yield _written("password of Redis", "redis://:{}@cache:6379/0")
    yield _written("bearer token", "Authorization: Bearer {}")
    yield _written("basic credentials", "Proxy-Authorization: Basic {}")
    yield _written("session cookie", "Cookie: sessionid={}; theme=dark")
    yield _written("password", "password={}")
    yield _written("option of a command", "curl --token {} https://api.example.com")
    yield _written("refresh token", '"refresh_token": "{}"')


KINDS: tuple[Kind, ...] = tuple(_kinds())


def lines_of(kinds: Sequence[Kind]) -> str:
    """A text with a line for each."""
    return "\n".join(f"[{kind.name}] {kind.written}" for kind in kinds)


def leaked(kinds: Sequence[Kind], exported: str) -> list[str]:
    """Names of the kinds of whose secret a part occurs, plain or encoded."""
    parts = {kind.name: _parts_of(kind) for kind in kinds}
    telling = frozenset().union(*parts.values())
    blocks = {part[at : at + _BLOCK] for part in telling for at in range(_STRIDE)}
    leaked_parts: set[str] = set()
    for at in range(0, len(exported), _STRIDE):
        if exported[at : at + _BLOCK] in blocks:
            around = exported[max(0, at - _STRIDE + 1) : at + _PART]
            leaked_parts.update(telling.intersection(_parts(around)))
    return [name for name, of_kind in parts.items() if not of_kind.isdisjoint(leaked_parts)]


@functools.cache
def _parts_of(kind: Kind) -> frozenset[str]:
    return frozenset(part for form in _forms(kind.secret) for part in _parts(form))


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    yield json.dumps(secret)[1:-1]
    yield secret.encode().hex()
    for before in range(3):
        # Whatever stands before it, these characters of its base64 are the same.
        yield base64.b64encode(b"\0" * before + secret.encode()).decode()[4 if before else 0 : -4]


def _parts(form: str) -> Iterator[str]:
    return (form[at : at + _PART] for at in range(len(form) - _PART + 1))
