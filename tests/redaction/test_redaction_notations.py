"""Each documented kind of secret in each notation, and texts that only look like one."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from autogen_otel.redaction import KnownSecrets, Redactor
from tests.redaction.test_redaction_text import FORMATS
from tests.support.secrets import KINDS, random_text

_PASSWORD = "Tr0ub4dor+zq"
_VALUES = ("hunter2-Xq9vZ4", _PASSWORD, "pa,55;wo&rd)x9", "x9)Zq[7w]9", "a<7c{d}Q1>z", "pa|55wd.Q7/x")
"""What may be a secret: all but white space and quotes."""


def in_markup(template: str) -> Callable[[str, str], str]:
    """A notation in which signs are written as entities."""
    return lambda name, value: template.format(name, html.escape(value))


_NAMES = (
    *("password", "DB_PASSWORD", "passwd", "passphrase", "pwd", "card_pin", "client_secret", "credential"),
    *("token", "access_token", "api_key", "OPENAI_API_KEY", "X-Api-Key", "private-key", "AccountKey"),
    *("x-functions-key", "session_cookie", "basic_auth", "id_jwt", "otp", "cvv", "sas", "refreshToken"),
)

_OF_A_NAME: dict[str, Callable[[str, str], str]] = {
    "an assignment": "{}={}".format,
    "an assignment with spaces": "{} = {}, next".format,
    "a colon": "{}: {}".format,
    "a log line": "2026-11-29T03:05:32Z INFO login user=bob {}={} status=ok".format,
    "a log line of words": "2026-11-29 03:05:32,120 INFO connecting with {}: {} user: bob".format,
    "JSON": lambda name, value: json.dumps({"user": "bob", name: value, "n": 1}),
    "JSON without spaces": lambda name, value: json.dumps({name: value, "n": 1}, separators=(",", ":")),
    "JSON in lines": lambda name, value: json.dumps({"a": {name: value}, "n": 1}, indent=2),
    "JSON in JSON": lambda name, value: json.dumps({"body": json.dumps({name: value, "n": 1})}),
    "JSON in JSON in JSON": lambda name, value: json.dumps([json.dumps([json.dumps({name: value})])]),
    "repr": lambda name, value: repr({"user": "bob", name: value}),
    "repr of bytes": lambda name, value: repr({name.encode(): value.encode()}),
    "an escaped text": lambda name, value: repr(f"first\n{name}={value}\nlast"),
    "export": "export {}={}".format,
    "export in quotes": 'export {}="{}"'.format,
    "a command's environment": "docker run -e {}={} image".format,
    "a header": "GET / HTTP/1.1\r\nHost: x\r\n{}: {}\r\n\r\n".format,
    "a header of curl": "curl -H '{}: {}' https://example.com/v1".format,
    "an option": "tool --{} {} --verbose".format,
    "an option with a sign": "tool --{}={} --verbose".format,
    "an option in a list": lambda name, value: repr(["tool", f"--{name}={value}"]),
    "a query": lambda name, value: f"https://example.com/v1?page=2&{name}={quote(value, safe='')}&n=1",
    "a percent-encoded query": lambda name, value: f"https://x.io/?to={quote(f'/?{name}={value}', safe='')}",
    "a percent-encoded text": lambda name, value: quote(f"{name}: {value}"),
    "a form": lambda name, value: f"q={quote_plus(f'my {name}: {value} is')}&n=1",
    "a form of JSON": lambda name, value: f"payload={quote_plus(json.dumps({name: value}))}",
    "colours around the name": "\x1b[36m{}\x1b[0m={}".format,
    "colours around both": "\x1b[1;36m{}\x1b[0m: \x1b[33m{}\x1b[0m".format,
    "colours, escaped": lambda name, value: json.dumps({"log": f"\x1b[36m{name}\x1b[0m=\x1b[35m{value}"}),
    "parentheses": "({}={})".format,
    "a value in parentheses": "{}=({})".format,
    "a value in brackets": "{}: [{}]".format,
    "a value in angle brackets": "{}: <{}>".format,
    "a value in backticks": "{}: `{}`".format,
    "both in backticks": "see `x`, and `{}`: `{}`".format,
    "Markdown, bold": "**{}**: {}".format,
    "Markdown, bold with the colon": "- **{}:** {}".format,
    "Markdown, bold both": "**{}:** **{}**".format,
    "Markdown, a table": lambda name, value: f"| a | b |\n|---|---|\n| {name} | {value.replace('|', '')} |",
    "YAML": "db:\n  user: bob\n  {}: {}\n  port: 1".format,
    "YAML in quotes": 'db:\n  {}: "{}"\n'.format,
    "YAML, literal block": "db:\n  {}: |\n    {}\n  port: 1".format,
    "YAML, folded block": "{}: >-\n  {}\nport: 1".format,
    "YAML, next line": "{}:\n  {}\nport: 1".format,
    "YAML, a list": "{}:\n  - {}\nport: 1".format,
    "YAML of Kubernetes": "env:\n  - name: {}\n    value: {}\n".format,
    "TOML": '[db]\n{} = "{}"\n'.format,
    "an ini file": "[db]\n{} = {}\n".format,
    "XML": in_markup("<db><{0}>{1}</{0}></db>"),
    "XML with an attribute": in_markup('<{0} type="plain">{1}</{0}>'),
    "XML, CDATA": "<{0}><![CDATA[{1}]]></{0}>".format,
    "XML, an attribute": lambda name, value: f'<db user="bob" {name}="{html.escape(value)}"/>',
    "XML, name and value": lambda name, value: f'<add key="{name}" value="{html.escape(value)}"/>',
    "XML, a named element": in_markup('<string name="{}">{}</string>'),
    "HTML, escaped": lambda name, value: html.escape(json.dumps({name: value})),
    "HTML, a table": lambda name, value: f"<tr><td>{name}</td><td>{html.escape(value)}</td></tr>",
    "HTML, bold": in_markup("<b>{}</b>: {}"),
    "a tuple": lambda name, value: repr((name, value)),
    "a list of pairs": lambda name, value: repr([("user", "bob"), (name, value)]),
    "a list of lists": lambda name, value: json.dumps([["user", "bob"], [name, value]]),
    "name and value": lambda name, value: repr({"name": name, "value": value}),
    "key and value": lambda name, value: json.dumps([{"key": 1, "value": 1}, {"key": name, "value": value}]),
    "value and key": lambda name, value: json.dumps({"value": value, "key": name}),
    "an item": "config['{}'] = '{}'".format,
    "an item of os.environ": 'os.environ["{}"] = "{}"'.format,
    "a default": "key = os.environ.get('{}', '{}')".format,
    "a default of getenv": 'client(os.getenv("{}", "{}"))'.format,
    "a default by name": lambda name, value: f"os.environ.get({name!r}, default={value!r})",
    "both by name": lambda name, value: f"os.getenv(key={name!r}, default={value!r})",
    "literals side by side": lambda name, value: f"{name} = {value[:5]!r} {value[5:]!r}",
    "literals in a sum": lambda name, value: f"{name} = {value[:5]!r} + {value[5:]!r}",
    "an option of a list": lambda name, value: repr(["mysql", f"--{name}", value]),
    "an option of a list in JSON": lambda name, value: json.dumps(["mysql", f"--{name}", value]),
    "XML with a namespace": in_markup('<wsse:{0} Type="x">{1}</wsse:{0}>'),
    "YAML with a tag": "{}: !!str {}\n".format,
    "YAML with an anchor": "{}: &one {}\n".format,
    "YAML with a tag and a block": "{}: !secret |\n  {}\n".format,
    "an object with a value": lambda name, value: json.dumps({name: {"value": value}}),
    "OTLP": lambda name, value: json.dumps({"key": name, "value": {"stringValue": value}}),
    "a space that breaks no line": "{}:\u00a0{}".format,
    "a default of getattr": "getattr(config, '{}', '{}')".format,
    "setenv": "monkeypatch.setenv('{}', '{}')".format,
    "u0026": lambda name, value: f"q=1&{name}={value.replace('&', '%26')}".replace("&", "\\u0026"),
}  # fmt: skip

_OF_CODE: dict[str, Callable[[str, str], str]] = {
    "annotated": "{}: str = '{}'".format,
    "annotated, optional": 'def f(self, {}: Optional[str] = "{}", n: int = 1) -> None:'.format,
    "annotated, union": "    {}: str | None = '{}'".format,
    "a keyword": "client = Client(url, {}='{}', timeout=3)".format,
    "compared": "if {} == '{}':".format,
    "a secret of pydantic": "{}=SecretStr('{}')".format,
    "bytes": "{} = b'{}'".format,
    "three quotes": '{} = """{}"""'.format,
    "typed": 'String {} = "{}";'.format,
    "an arrow": "'{}' => '{}',".format,
    "walrus": "if ({} := '{}'):".format,
}

_AROUND: dict[str, Callable[[str], str]] = {
    "plain": "see {} there".format,
    "brackets": "[{}]".format,
    "backticks": "`{}`".format,
    "bold": "**{}**".format,
    "JSON": lambda text: json.dumps({"a": text}),
    "JSON in JSON": lambda text: json.dumps(json.dumps({"a": text})),
    "repr": lambda text: repr([text]),
    "an escaped line": lambda text: repr(f"a\n{text}\nb"),
    "a URL": lambda text: f"https://example.com/a?q={quote(text, safe='')}",
    "a form": lambda text: f"q={quote_plus(text)}",
    "HTML": lambda text: f"<p>{html.escape(text)}</p>",
    "u0026": lambda text: json.dumps(f"&{text}&").replace("&", "\\u0026"),
    "colours": "\x1b[36m{}\x1b[0m".format,
    "colours, escaped": lambda text: json.dumps(f"\x1b[36m{text}\x1b[0m"),
    "a path": lambda text: f'File "/srv/{text.replace("/", "_")}/app.py", line 3, in f',
    "XML": "<a>{}</a>".format,
    "a table": lambda text: f"| a | {text} |",
}


def redacted(text: str, *known: str) -> str:
    secrets = KnownSecrets()
    for secret in known:
        secrets.add(secret)
    redactor = Redactor(secrets)
    once = redactor.text(text)
    assert redactor.text(once) == once
    return once


def parts_left(secret: str, output: str) -> list[str]:
    """Stretches of four characters of a secret that stand in a text, as they are or escaped."""
    forms = {output, output.replace("\\", ""), html.unescape(output)}
    parts = (secret[at : at + 4] for at in range(len(secret) - 3))
    return [part for part in parts if any(part in form for form in forms)]


@pytest.mark.parametrize("value", _VALUES)
@pytest.mark.parametrize("notation", [*_OF_A_NAME, *_OF_CODE])
def test_no_value_under_a_secret_name_is_left(notation: str, value: str) -> None:
    write = {**_OF_A_NAME, **_OF_CODE}[notation]
    names = [name for name in _NAMES if notation in _OF_A_NAME or name.isidentifier()]
    outputs = {text: redacted(text) for text in (write(name, value) for name in names)}
    assert {text: output for text, output in outputs.items() if parts_left(value, output)} == {}


@pytest.mark.parametrize("notation", _AROUND)
def test_no_key_of_a_known_format_is_left(notation: str) -> None:
    written = [(kind.secret, kind.written) for kind in KINDS] + [(key, key) for key in FORMATS.values()]
    leaking = []
    for secret, text in written:
        if notation == "a path" and "/" in text:
            continue
        output = redacted(_AROUND[notation](text))
        if len(parts_left(secret, output)) > len(secret) // 8:
            leaking.append((text, output))
    assert leaking == []


_IN_BASE64 = ("\n", "\r\n", "\\n", "\n    ")


@pytest.mark.parametrize(
    "secret", [random_text("held"), 'planted/se"cret+&<0001', "päss&wörd=<7😀>", "C:\\new\\t0ken%41"]
)
@pytest.mark.parametrize("notation", _AROUND)
def test_no_secret_that_we_hold_is_left(notation: str, secret: str) -> None:
    written = secret.replace("/", "_") if notation == "a path" else secret
    assert parts_left(written, redacted(_AROUND[notation](written), written)) == []


@pytest.mark.parametrize("line_break", _IN_BASE64)
@pytest.mark.parametrize("before", range(0, 60, 7))
def test_no_secret_that_we_hold_is_left_in_lines_of_base64(line_break: str, before: int) -> None:
    secret = random_text("in base64")
    encoded = base64.b64encode(b"x" * before + secret.encode() + b"y" * 40).decode()
    for width in (64, 76):
        lines = line_break.join(encoded[at : at + width] for at in range(0, len(encoded), width))
        output = redacted(f"data:\n{lines}\nend", secret)
        parts = [encoded[at : at + 12] for at in range(before * 4 // 3 + 4, (before + 40) * 4 // 3 - 16)]
        assert [
            part
            for part in parts
            if part in output.replace("\\n", "").replace("\r", "").replace("\n", "").replace(" ", "")
        ] == []


_INNOCENT = (
    "['--password', '--verbose']",
    "--password, the one to ask for",
    "Field(name='password', type='string')",
    '{"tokens": {"value": 5}}',
    "PWD=/home/ann/projects/claims",
    "OLDPWD=/tmp",
    "PWD=C:\\Users\\ann",
    "pwd: /var/lib/app",
    "Invalid token: unexpected '<'",
    "Unexpected token: '<!DOCTYPE html>'",
    "SyntaxError: Unexpected token: <",
    "auth=disabled",
    "auth: oauth2",
    '{"auth": "basic"}',
    "auth=none",
    "proxy_auth: ntlm",
    "auth = 'jwt'",
    "authorization: required",
    "auth: OIDC",
    "token: expired",
    "api_key: not set",
    "password: [redacted]",
    "ssh://git@github.com/acme/claims.git",
    "git+ssh://git@host/x",
    "https://git@example.com/x.git",
    "sftp://backup@files.example.com/in",
    "ssh://deploy@10.0.0.7:22",
    "branch sk-1042-retry-uploads-on-timeout",
    "sk-learn-pipeline-upgrade-to-1-5",
    "sk-proj-board-redesign-q4",
    "sk-admin-page-with-a-new-menu-2",
    "order SK20261130000123456789012345678901",
    "order sk-20261130-000123-0042",
    "sk-0001234567890123456789",
    "jina_embeddings_v2_base_en_model_name",
    "pypi-attestations-of-all-the-packages-we-use",
    "SK-2026-000123",
    "skiing-in-the-alps-with-friends-2026",
    "gl-account-mapping-of-all-branches",
    "TOKEN_FILE=/var/run/secrets/token",
    "SSL_KEY=/etc/ssl/private/key.pem",
    "credentials: ./config/creds.json",
    "['user', 'password', 'email']",
    "fields = ('id', 'password', 'email')",
    '["name", "token", "role"]',
    "| user | password | role |\n|---|---|---|",
    "<password> is a required field",
    "<td>Token</td><td>Owner</td>",
    "the secret: never give up",
    "Secret: be kind!",
    "token: the smallest unit of text",
    "password must be set",
    "{'name': 'status', 'value': 'open'}",
    "- name: LOG_LEVEL\n  value: debug",
    '<add key="mode" value="fast"/>',
    "auth=(user, password)",
    "login(password=password, token=self.token)",
    "api_key=os.environ['OPENAI']",
    "token = tokenizer.next(text)",
    "password = getpass.getpass()",
    "def f(password: str, token: str = None):",
    "password=${DB_PASSWORD} token={token} secret=%s",
    "--token <token> --password <password>",
    "secrets:\n  - name: db\n    source: vault",
    "password:\n  type: string\n  minLength: 8",
    "100%25 of the a%20b &amp; c",
    "C:\\new\\table\\report.txt",
    "a\\u0026b",
    "\\x1b[36mstatus\\x1b[0m=ok",
    "tokens: 12, keys: 7",
    "token_type=bearer",
    "authors: Ann, Bob",
    "keyboard=us",
    "compass: north",
    "curl -u $USER:$PASSWORD https://x",
    "ls -u name",
    "-user",
    "git log --author Ann --tokens 3",
)


@pytest.mark.parametrize("text", _INNOCENT)
def test_a_text_that_only_looks_like_it_is_left_as_it_is(text: str) -> None:
    assert redacted(text) == text
