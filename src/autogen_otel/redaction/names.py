"""Which names promise a secret: dictionary keys, environment variables, query parameters, assignments."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final


def words_of(text: str) -> frozenset[str]:
    """Make a set of the words in a text, which reads better than many quotes."""
    return frozenset(text.split())


NAME_KEYS: Final = ("name", "key", "header", "field")
"""Keys whose value may be the name of what stands under ``value``."""
_LONGEST_KEY: Final = 128
_RANDOM = re.compile(r"[0-9]|[a-z][A-Z]|[A-Za-z]=")
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[^\W\d_A-Za-z]+")

# These mark a secret anywhere in a name, also glued to a prefix: PGPASSWORD, secret_key_base, openaiApiKey.
_STRONG = re.compile(
    r"(?:password|passwd|passphrase|passcode|pwd|secret|credential|apikey|accesskey|secretkey|privatekey"
    r"|accountkey|authkey|apitoken|accesstoken|authtoken|refreshtoken|idtoken|sessiontoken|bearertoken"
    r"|connectionstring|connstr)s?$"
)
_KEY_OF: Final = words_of(
    "api access secret private auth account encryption decryption signing subscription shared master "
    "ssh pgp gpg rsa ssl tls session license licence deploy webhook storage function functions admin "
    "consumer hmac aes service openai anthropic azure google gemini groq mistral together cohere aws "
    "deepseek openrouter xai cerebras huggingface"
)
_PASS_OF: Final = words_of("db database user smtp imap admin root mail email ftp ssh http proxy login my")
_PIN_OF: Final = words_of("user card atm security account sim login access")
_CODE_OF: Final = words_of("auth authorization verification security recovery backup mfa otp pin")
_SECRET_ENDINGS: Final = words_of(
    "auth authorization cred creds cookie cookies sas jwt bearer otp totp cvv cvc"
)

_HARMLESS_TOKEN_OF: Final = words_of(
    "stop eos bos pad unk sep cls mask next page continuation cursor sync cancellation cancel special "
    "end start per max min input output prompt completion total first last previous word image audio "
    "text unexpected invalid reasoning cached num decoded top sub pagination resume"
)
_CREDENTIAL_TOKENS_OF: Final = words_of("access auth refresh api bearer session secret id")
_METADATA: Final = words_of(
    "count counts limit limits length len size budget usage type types name names id ids policy "
    "strength expiry expires expiration expired ttl age at url uri endpoint path file filename dir "
    "required enabled valid version rotation field fields format index status ratio rate cost price arn "
    "label source provider manager store env var method scheme consent banner domain"
)
_MEASURE: Final = words_of("is has num max min total count avg n")
_SUFFIXES: Final = words_of(
    "value plain plaintext raw b64 base64 encoded header headers old new current confirm confirmation repeat"
)

_NO_VALUES: Final = words_of(
    "none null nil true false undefined empty str string int integer number float bool boolean bytes "
    "object array any optional required missing expected invalid expired unknown not is was must should "
    "has the a an secretstr unexpected malformed illegal revoked denied rejected wrong incorrect absent "
    "unset redacted masked hidden filtered removed"
)
_MODES: Final = words_of(
    "on off yes no enabled disabled default auto manual anonymous basic digest bearer oauth oauth1 oauth2 "
    "oidc openid saml ldap kerberos ntlm negotiate mtls tls sso jwt iam sigv4 hmac token apikey api_key "
    "api-key password md5 sha256 scram-sha-256 peer trust"
)
"""What is named by ``auth`` may be a way to authenticate."""


def is_harmless(name: str, value: str) -> bool:
    """Tell whether text under a secret-looking name only says that there is none, or of what kind it is."""
    word = value.strip().lower().rstrip(".:!?,")
    return word in _NO_VALUES or (word in _MODES and name.lower().endswith(("auth", "authorization")))


@lru_cache(maxsize=4096)
def looks_secret(key: str) -> bool:
    """Tell whether a name promises a secret: ``apiKey`` does, ``max_tokens`` and ``author`` do not."""
    words = [word.lower() for word in _WORD.findall(key[-_LONGEST_KEY:])]
    if words[-2:] in (["secret", "id"], ["connection", "string"], ["conn", "str"], ["pin", "number"]):
        return True
    while len(words) > 1 and words[-1] in _SUFFIXES:
        words.pop()
    if not words or words[0] in _MEASURE or words[-1] in _METADATA:
        return False
    return any(_STRONG.search(word) for word in words) or _last_word_is_secret(words)


def looks_random(value: str) -> bool:
    """Tell whether text looks made by a machine rather than written: digits, or capitals inside a word."""
    return _RANDOM.search(value) is not None


def _last_word_is_secret(words: list[str]) -> bool:
    last, previous = words[-1], words[-2] if len(words) > 1 else None
    if last in _SECRET_ENDINGS:
        # A health insurer's "prior authorization" is no header.
        return previous not in ("prior", "pre")
    if last == "token":
        return previous not in _HARMLESS_TOKEN_OF
    if last == "pass":
        return previous is None or previous in _PASS_OF
    if last == "pin":
        return previous is None or previous in _PIN_OF
    owners = {
        "tokens": _CREDENTIAL_TOKENS_OF,
        "key": _KEY_OF,
        "keys": _KEY_OF,
        "code": _CODE_OF,
        "codes": _CODE_OF,
        "signature": frozenset({"access"}),
        "assertion": frozenset({"client"}),
    }
    return previous in owners.get(last, ())


def hides(key: str, value: object) -> bool:
    """Tell whether the value under this key has to be hidden.

    ``None``, booleans and empty text stay visible: they hold no secret, and that a key is missing is often
    the finding. So do numbers under names that also count things (``pass: 12``, ``token: 5``).
    """
    # By its type, because ``isinstance`` asks an object for its class, and that may be code of its own.
    kind = type(value)
    if value is None or kind is bool or (issubclass(kind, (str, bytes)) and not value):
        return False
    if not looks_secret(key):
        return False
    return not (issubclass(kind, (int, float)) and key.lower().endswith(("pass", "token")))
