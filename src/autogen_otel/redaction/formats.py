"""Formats by which a key is recognised wherever it stands.

Every expression begins at a boundary, or bounds what it repeats, so that none takes more than linear time.
"""

from __future__ import annotations

import re
import string
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autogen_otel.redaction.views import Span


class KeyFormat(NamedTuple):
    """One issuer's format.

    Args:
        issuer: who issues such keys.
        shape: how such keys begin, for people.
        hint: text that every such key contains; where it is absent the expression is not tried.
        source: source text of the regular expression.
        prefix: expression for the beginning of every such key, which stands where a word begins; empty
            where only the hint, inside it, tells the key from other text.
    """

    issuer: str
    shape: str
    hint: str
    source: str
    prefix: str

    @property
    def expression(self) -> re.Pattern[str]:
        """Matches the key and nothing else; compiled when a hint is seen first, for a quick start."""
        return _compile(self.source)


@cache
def _compile(source: str) -> re.Pattern[str]:
    return re.compile(source)


# Tested behind the key's first character, so that the search can go from one of those to the next.
_KEY_START = "(?<![A-Za-z0-9].)"
_FIRST_CHARACTER = re.compile(r"\[[^]]+\]|[A-Za-z0-9]")
_KEY_END = r"(?![A-Za-z0-9])"


def _prefix(issuer: str, prefix: str, rest: str, hint: str | None = None, shape: str = "") -> KeyFormat:
    plain = prefix.replace("\\", "")
    first = _FIRST_CHARACTER.match(prefix)
    assert first is not None
    source = f"(?s:{first.group()}{_KEY_START}{prefix[first.end() :]}{rest})"
    return KeyFormat(issuer, shape or f"{plain}…", hint or plain, source, prefix)


def _infix(issuer: str, hint: str, expression: str, shape: str) -> KeyFormat:
    return KeyFormat(issuer, shape, hint, expression, "")


_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_PRIVATE_KEY = (
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:[^-]*(?:-(?!----)[^-]*)*-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    # Cut before its END line: all that may belong to it is replaced, too.
    r"|[A-Za-z0-9+/=\s\\:,]*)"
)
_JWT = (
    r"e(?<![A-Za-z0-9_-].)yJ(?:[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]+){1,4}\.?"
    # Cut within its header, which begins with alg, typ, kid or enc.
    r"|(?:hbGci|0eXAi|raWQi|lbmMi)[A-Za-z0-9_-]*)"
)

# Names of branches and orders are words and short numbers: a key has a part that is long and no plain word.
_RANDOM_PART = r"(?=(?:[A-Za-z0-9]{0,40}[_-]){0,8}(?=[A-Za-z]{0,40}(?:[0-9]|[a-z][A-Z]))[A-Za-z0-9]{9})"

_MODEL_PROVIDERS: Final = (
    _prefix(
        "OpenAI, Anthropic, OpenRouter, Langfuse",
        "sk-",
        rf"(?:proj|ant|or|svcacct|admin|lf)-{_RANDOM_PART}[A-Za-z0-9_-]{{12,}}",
        shape="sk-proj-…, sk-svcacct-…, sk-admin-…, sk-ant-…, sk-or-…, sk-lf-…",
    ),
    _prefix("OpenAI and alike", "sk-", rf"(?=[0-9_-]{{0,30}}[A-Za-z]){_RANDOM_PART}[A-Za-z0-9_-]{{20,}}"),
    _prefix("OpenAI", "sess-", r"[A-Za-z0-9]{32,}"),
    _prefix("Google", "AIza", r"[A-Za-z0-9_-]{30,}"),
    _prefix("Google OAuth", r"ya29\.", r"[A-Za-z0-9_-]{20,}"),
    _prefix("Google OAuth", "GOCSPX-", r"[A-Za-z0-9_-]{20,}"),
    _prefix("Groq", "gsk_", r"[A-Za-z0-9]{20,}"),
    _prefix("xAI", "xai-", r"[A-Za-z0-9]{20,}"),
    _prefix("Perplexity", "pplx-", r"[A-Za-z0-9]{20,}"),
    _prefix("Cerebras", "csk-", r"[A-Za-z0-9]{20,}"),
    _prefix("Fireworks", "fw_", rf"[A-Za-z0-9]{{20,48}}{_KEY_END}"),
    _prefix("Together", "tgp_v1_", r"[A-Za-z0-9_-]{20,}"),
    _prefix("Anyscale", "esecret_", r"[A-Za-z0-9]{16,}"),
    _prefix("NVIDIA", "nvapi-", r"[A-Za-z0-9_-]{20,}"),
    _prefix("Hugging Face", "hf_", r"[A-Za-z0-9]{20,}"),
    _prefix("Hugging Face", "api_org_", r"[A-Za-z0-9]{30,}"),
    _prefix("Replicate", "r8_", r"[A-Za-z0-9]{30,}"),
    _prefix("Jina", "jina_", rf"{_RANDOM_PART}[A-Za-z0-9_-]{{30,}}"),
    _prefix("Voyage", "pa-", rf"{_RANDOM_PART}[A-Za-z0-9_-]{{40,64}}{_KEY_END}"),
    _prefix("Pinecone", "pcsk_", r"[A-Za-z0-9_]{30,}"),
    _prefix("ElevenLabs", "sk_", rf"[0-9a-f]{{48}}{_KEY_END}"),
    _prefix("RunPod", "rpa_", r"[A-Za-z0-9]{30,}"),
    _prefix("Tavily", "tvly-", rf"{_RANDOM_PART}[A-Za-z0-9_-]{{16,}}"),
    _prefix("Firecrawl", "fc-", rf"[0-9a-f]{{32}}{_KEY_END}"),
    _prefix("E2B", "e2b_", r"[0-9a-f]{40}"),
    _prefix("LangSmith", "lsv2_", r"[A-Za-z0-9_]{30,}"),
)
_CLOUDS: Final = (
    _prefix("AWS access key id", "A[KSB]IA", rf"[A-Z0-9]{{16}}{_KEY_END}", "IA", "AKIA…, ASIA…, ABIA…"),
    _prefix("AWS access key id", "ACCA", rf"[A-Z0-9]{{16}}{_KEY_END}"),
    _prefix("AWS Bedrock", "ABSK", r"[A-Za-z0-9+/]{60,}={0,2}"),
    _prefix("AWS Bedrock", "bedrock-api-key-", r"[A-Za-z0-9+/]{20,}={0,2}"),
    _infix("Azure AI", "JQQJ99", r"(?<![A-Za-z0-9])[A-Za-z0-9]{40,64}JQQJ99[A-Za-z0-9]{16,}", "…JQQJ99…"),
    _infix(
        "Azure client secret",
        "Q~",
        r"(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}",
        "…Q~…",
    ),
    _infix(
        "Azure Storage",
        "+ASt",
        r"(?<![A-Za-z0-9+])[A-Za-z0-9+/]{60,80}\+ASt[A-Za-z0-9+/]{5,8}={0,2}",
        "…+ASt…",
    ),
    _infix(
        "Azure Search", "AzSe", r"(?<![A-Za-z0-9])[A-Za-z0-9]{42}AzSe[A-Za-z0-9]{6}(?![A-Za-z0-9])", "…AzSe…"
    ),
    _prefix("Alibaba Cloud", "LTAI", rf"[A-Za-z0-9]{{12,24}}{_KEY_END}"),
    _prefix("DigitalOcean", "do[opr]_v1_", r"[0-9a-f]{40,}", "_v1_", "dop_v1_…, doo_v1_…, dor_v1_…"),
    _prefix("Cloudflare origin CA", r"v1\.0-", r"[0-9a-f]{24}-[0-9a-f]{140,}"),
    _prefix("Databricks", "dapi", rf"[0-9a-f]{{32}}{_KEY_END}(?:-[0-9])?"),
    _prefix("Heroku", "HRKU-", r"[A-Za-z0-9_-]{36,}"),
    _prefix("Fly.io", "fo1_", r"[A-Za-z0-9_-]{40,}"),
    _prefix("Fly.io", "fm[12][ar]?_", r"[A-Za-z0-9+/]{60,}={0,3}", "fm", "fm1a_…, fm2_…"),
    _prefix("Supabase", "sbp_", r"[0-9a-f]{40}"),
    _prefix("Supabase", "sb_secret_", r"[A-Za-z0-9_-]{20,}"),
    _prefix("PlanetScale", "pscale_(?:pw|tkn|oauth)_", r"[A-Za-z0-9_=.-]{32,}", "pscale_", "pscale_pw_…"),
    _prefix("ClickHouse Cloud", "4b1d", rf"[A-Za-z0-9]{{38}}{_KEY_END}"),
    _prefix("Tailscale", "tskey-", rf"{_RANDOM_PART}[A-Za-z0-9-]{{20,}}"),
)
_CODE_AND_DELIVERY: Final = (
    _prefix("GitHub", "gh[pousr]_", r"[A-Za-z0-9]{30,}", "gh", "ghp_…, gho_…, ghu_…, ghs_…, ghr_…"),
    _prefix("GitHub", "github_pat_", r"[A-Za-z0-9_]{22,}"),
    _prefix(
        "GitLab",
        "gl[a-z]{2,6}-",
        rf"{_RANDOM_PART}[A-Za-z0-9_-]{{20,}}(?:\.[0-9a-z]{{9}})?",
        "gl",
        "glpat-…, gldt-…, glrt-…, glcbt-… and its others",
    ),
    _prefix("GitLab", "GR1348941", r"[A-Za-z0-9_-]{20,}"),
    _prefix("Atlassian", "ATATT3", r"[A-Za-z0-9_=-]{20,}"),
    _prefix("Bitbucket", "ATBB", rf"[A-Za-z0-9]{{32}}{_KEY_END}"),
    _prefix("npm", "npm_", r"[A-Za-z0-9]{30,}"),
    _prefix("PyPI", "pypi-", rf"{_RANDOM_PART}[A-Za-z0-9_-]{{40,}}"),
    _prefix("RubyGems", "rubygems_", r"[0-9a-f]{48}"),
    _prefix("Docker Hub", "dckr_(?:pat|oat)_", r"[A-Za-z0-9_-]{20,}", "dckr_", "dckr_pat_…, dckr_oat_…"),
    _prefix("JFrog", "AKCp", r"[A-Za-z0-9]{69}"),
    _prefix("JFrog", "cmVmd", rf"[A-Za-z0-9]{{59}}{_KEY_END}"),
    _prefix("CircleCI", "CCIPAT_", r"[A-Za-z0-9_]{30,}"),
    _prefix("Sourcegraph", "sgp_", r"(?:(?:[0-9a-fA-F]{16}|local)_)?[0-9a-fA-F]{40}"),
    _infix(
        "Terraform Cloud",
        ".atlasv1.",
        r"(?<![A-Za-z0-9])[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}",
        "….atlasv1.…",
    ),
    _prefix("Pulumi", "pul-", r"[0-9a-f]{40}"),
    _prefix("Prefect", "pnu_", rf"[A-Za-z0-9]{{36}}{_KEY_END}"),
    _prefix("Doppler", r"dp\.(?:pt|st|ct|sa|scim|audit)\.", r"[A-Za-z0-9_.]{40,}", "dp.", "dp.pt.…, dp.st.…"),
    _prefix("Vault", r"hv[sbr]\.", r"[A-Za-z0-9_-]{20,}", "hv", "hvs.…, hvb.…, hvr.…"),
    _prefix("1Password", "A3-", r"[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}"),
    _prefix("age", "AGE-SECRET-KEY-1", r"[A-Z0-9]{50,}"),
    _prefix("OpenShift", "sha256~", r"[A-Za-z0-9_-]{43}"),
    _prefix("Postman", "PMAK-", r"[0-9a-f]{24}-[0-9a-f]{34}"),
)
_MONITORING: Final = (
    _prefix("Grafana", "glsa_", r"[A-Za-z0-9]{32}_[0-9a-fA-F]{8}"),
    _prefix("Grafana", "glc_", r"[A-Za-z0-9+/]{32,}={0,3}"),
    _prefix("Sentry", "sntry[su]_", r"[A-Za-z0-9+/=_]{40,}", "sntry", "sntrys_…, sntryu_…"),
    _prefix("New Relic", "NR(?:AK|II|RA)-", r"[A-Za-z0-9-]{27,}", "NR", "NRAK-…, NRII-…"),
    _prefix("Dynatrace", r"dt0[a-z][0-9]{2}\.", r"[A-Z0-9]{8,24}\.[A-Z0-9]{64}", "dt0", "dt0c01.…"),
    _prefix("Weights & Biases", "wandb_v1_", r"[A-Za-z0-9_]{40,}"),
)
_MESSAGING: Final = (
    _prefix("Slack", r"xox(?:e\.xox)?[a-z]-", r"[A-Za-z0-9-]{10,}", "xox", "xoxb-…, xoxp-… and its others"),
    _prefix("Slack", "xapp-", r"[0-9]-[A-Za-z0-9-]{10,}"),
    _infix(
        "Slack",
        "hooks.slack.com/",
        r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[A-Za-z0-9/]{10,}",
        "hooks.slack.com/services/…",
    ),
    _infix(
        "Teams",
        ".office.com/webhookb2/",
        r"(?<=\.office\.com/webhookb2/)[A-Za-z0-9@/-]{30,}",
        "webhook.office.com/…",
    ),
    _infix(
        "Discord",
        "/api/webhooks/",
        r"(?<=/api/webhooks/)[0-9]{15,21}/[A-Za-z0-9_-]{40,}",
        "discord.com/api/webhooks/…",
    ),
    _prefix(
        "Discord bot",
        r"[MNO](?=[A-Za-z0-9_-]{22,27}\.)",
        r"[A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
        ".",
        "M….….…",
    ),
    _infix("Telegram bot", ":AA", r"(?<![A-Za-z0-9])[0-9]{8,10}:AA[A-Za-z0-9_-]{32,34}", "123456789:AA…"),
    _prefix("Twilio", "SK(?=[0-9a-f]{32})", rf"(?=[0-9]*[a-f])[0-9a-f]{{32}}{_KEY_END}", "SK", "SK…"),
    _prefix("SendGrid", r"SG\.", r"[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    _prefix("Mailgun", "key-", rf"[0-9a-f]{{32}}{_KEY_END}"),
    _infix("Mailchimp", "-us", rf"(?<![A-Za-z0-9])[0-9a-f]{{32}}-us[0-9]{{1,2}}{_KEY_END}", "…-us12"),
    _prefix("Brevo", "xkeysib-", r"[0-9a-f]{64}-[A-Za-z0-9]{16}"),
)
_BUSINESS: Final = (
    _prefix(
        "Stripe", "[sr]k_(?:live|test|prod)_", r"[A-Za-z0-9]{10,}", "k_", "sk_live_…, rk_live_…, sk_test_…"
    ),
    _prefix("Stripe", "whsec_", r"[A-Za-z0-9+/=]{16,}"),
    _prefix("Square", "sq0(?:atp|csp)-", r"[A-Za-z0-9_-]{22,}", "sq0", "sq0atp-…, sq0csp-…"),
    _prefix("Square", "EAAA", rf"[A-Za-z0-9_-]{{56,64}}{_KEY_END}"),
    _prefix("Facebook", "EAA[A-Z]", r"[A-Za-z0-9]{80,}", "EAA", "EAAC…"),
    _infix(
        "PayPal, Braintree",
        "access_token$",
        r"(?<=access_token\$)(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}",
        "access_token$production$…",
    ),
    _prefix("Plaid", "access-(?:sandbox|development|production)-", _UUID, "access-", "access-production-…"),
    _prefix("Shopify", "shp[a-z]{2}_", r"[0-9a-fA-F]{32}", "shp", "shpat_…, shpss_… and its others"),
    _prefix("EasyPost", "EZ[AT]K", rf"[A-Za-z0-9]{{54}}{_KEY_END}", "EZ", "EZAK…, EZTK…"),
    _prefix("HubSpot", "pat-(?:na|eu|ap)[0-9]-", _UUID, "pat-", "pat-na1-…"),
    _prefix(
        "Airtable",
        r"pat(?=[A-Za-z0-9]{14}\.)",
        rf"[A-Za-z0-9]{{14}}\.[0-9a-f]{{64}}{_KEY_END}",
        "pat",
        "pat….…",
    ),
    _prefix("Notion", "ntn_", r"[0-9]{11}[A-Za-z0-9]{32,}"),
    _prefix("Notion", "secret_", rf"[A-Za-z0-9]{{43}}{_KEY_END}"),
    _prefix("Linear", "lin_(?:api|oauth)_", r"[A-Za-z0-9]{40,}", "lin_", "lin_api_…, lin_oauth_…"),
    _prefix("Figma", "fig[dour]_", r"[A-Za-z0-9_-]{40,}", "fig", "figd_…"),
    _prefix("Typeform", "tfp_", r"[A-Za-z0-9_=.-]{44,}"),
    _prefix("Dropbox", r"sl\.", r"[A-Za-z0-9_=-]{130,}"),
)

_GENERAL: Final = (
    KeyFormat(
        "Private keys (PEM, OpenSSH, PGP)",
        "-----BEGIN … PRIVATE KEY-----",
        "-----BEGIN ",
        _PRIVATE_KEY,
        "",
    ),
    # These continue as a JWT does, so they stand before it.
    _prefix("Mapbox", r"sk\.eyJ", r"[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}"),
    _prefix("1Password", "ops_eyJ", r"[A-Za-z0-9+/_-]{40,}={0,3}"),
    KeyFormat("JWT", "eyJ….….…", "eyJ", _JWT, "eyJ"),
    _prefix("Grafana", "eyJrIjoi", r"[A-Za-z0-9]{60,}={0,3}"),
)

KEY_FORMATS: Final = (
    *_GENERAL,
    *_MODEL_PROVIDERS,
    *_CLOUDS,
    *_CODE_AND_DELIVERY,
    *_MONITORING,
    *_MESSAGING,
    *_BUSINESS,
)


def keys_in(text: str) -> Iterator[Span]:
    """Find keys of the known formats."""
    for key_format in KEY_FORMATS:
        if key_format.hint in text:
            for match in key_format.expression.finditer(text):
                yield match.span()


_KEY_CHARACTERS: Final = f"{string.ascii_letters}{string.digits}_-.~+/=$:@"
"""All characters that keys of the known formats consist of."""
_ID_CHARACTERS: Final = f"{string.digits}abcdef-.+:TZ"
"""Times and UUIDs consist of these alone; keys do only where they begin with ``4b1d`` or ``fc-``."""
_SHORTEST_BY_CONTENT: Final = 35
"""Length of the shortest key that is recognised by its content, with the characters before that."""
_SHORTEST_RUN: Final = b"a" * 15
"""The shape of the shortest key, but for the two that are searched for by name."""
_SHAPE: Final = bytes(ord("a" if chr(code) in _KEY_CHARACTERS else " ") for code in range(256))


def may_hold_key(text: str) -> bool:
    """Tell in few steps whether a text may hold a key: all keys are runs of certain characters."""
    # A single character is found much quicker, and J is rare.
    if ("J" in text and "eyJ" in text) or "-----BEGIN " in text:
        return True
    shape = text.encode("ascii", "replace").translate(_SHAPE)
    at = shape.find(_SHORTEST_RUN)
    while at >= 0:
        end = shape.find(b" ", at)
        if _is_key(text[at : end if end >= 0 else len(text)]):
            return True
        at = shape.find(_SHORTEST_RUN, end) if end >= 0 else -1
    return False


def _is_key(run: str) -> bool:
    if not run.strip(_ID_CHARACTERS) and "fc-" not in run and "4b1d" not in run:
        return False
    at_start, behind_sign, by_content = _key_searches()
    # A key begins where a word does; so only few positions of an id are tested.
    if at_start(run) or behind_sign(run):
        return True
    return len(run) >= _SHORTEST_BY_CONTENT and by_content(run) is not None


@cache
def _key_searches() -> tuple[Callable[[str], object], ...]:
    """Make of the formats the searches for prefixes (at the start, behind a sign) and for content.

    Prefixes are grouped by first character, because that is how the engine is quickest.
    """
    rests_by_first: dict[str, list[str]] = {}
    for prefix in filter(None, (key_format.prefix for key_format in KEY_FORMATS)):
        match = _FIRST_CHARACTER.match(prefix)
        assert match is not None
        for character in match.group().strip("[]"):
            rests_by_first.setdefault(character, []).append(prefix[match.end() :])
    any_prefix = "|".join(f"{first}(?:{'|'.join(rests)})" for first, rests in rests_by_first.items())
    any_content = "|".join(re.escape(key_format.hint) for key_format in KEY_FORMATS if not key_format.prefix)
    return (
        re.compile(any_prefix).match,
        re.compile(f"[^A-Za-z0-9](?:{any_prefix})").search,
        re.compile(any_content).search,
    )
