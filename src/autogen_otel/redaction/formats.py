"""Formats by which a key is recognised wherever it stands.

Every expression begins at a boundary, or bounds what it repeats, so that none takes more than linear time.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, NamedTuple


class KeyFormat(NamedTuple):
    """One issuer's format.

    Args:
        issuer: who issues such keys.
        shape: how such keys begin, for people.
        hint: text that every such key contains; where it is absent the expression is not tried.
        source: of the expression.
        begins: an expression for how every such key begins, which is where a word does or behind an escape;
            empty where only the hint, inside it, tells the key from other text.
    """

    issuer: str
    shape: str
    hint: str
    source: str
    begins: str

    @property
    def expression(self) -> re.Pattern[str]:
        """Matches the key and nothing else; compiled when a hint is seen first, for a quick start."""
        return _compiled(self.source)


@cache
def _compiled(source: str) -> re.Pattern[str]:
    return re.compile(source)


# Looked at behind the key's first character, so that the search can go from one of those to the next.
# An escape's last letter belongs to no word: \n \x1b \ud800 %3D, and the colours of terminals.
_AFTER_ESCAPE = (
    r"(?<=\\[abfnrtv0].)|(?<=\\x[0-9a-fA-F]{2}.)|(?<=\\u[0-9a-fA-F]{4}.)|(?<=%[0-9A-Fa-f]{2}.)"
    r"|(?<=\[[0-9]m.)|(?<=[\[;][0-9]{2}m.)|(?<=;[0-9]{3}m.)"
)
_BEGAN = rf"(?:(?<![A-Za-z0-9].)|{_AFTER_ESCAPE})"
_FIRST = re.compile(r"\[[^]]+\]|[A-Za-z0-9]")
_ENDS = r"(?![A-Za-z0-9])"


def _starting(issuer: str, prefix: str, rest: str, hint: str | None = None, shape: str = "") -> KeyFormat:
    plain = prefix.replace("\\", "")
    first = _FIRST.match(prefix)
    assert first is not None
    source = f"(?s:{first.group()}{_BEGAN}{prefix[first.end() :]}{rest})"
    return KeyFormat(issuer, shape or f"{plain}…", hint or plain, source, prefix)


def _holding(issuer: str, hint: str, expression: str, shape: str) -> KeyFormat:
    return KeyFormat(issuer, shape, hint, expression, "")


_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_PRIVATE_KEY = (
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:[^-]*(?:-(?!----)[^-]*)*-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    # Cut before its END line: what may belong to it goes too.
    r"|[A-Za-z0-9+/=\s\\:,]*)"
)
_JWT = (
    rf"e(?:(?<![A-Za-z0-9_-].)|{_AFTER_ESCAPE})yJ(?:[A-Za-z0-9_-]{{6,}}(?:\.[A-Za-z0-9_-]+){{1,4}}\.?"
    # Cut within its header, which begins with alg, typ, kid or enc.
    r"|(?:hbGci|0eXAi|raWQi|lbmMi)[A-Za-z0-9_-]*)"
)

_MODEL_PROVIDERS: Final = (
    _starting(
        "OpenAI, Anthropic, OpenRouter, Langfuse",
        "sk-",
        r"(?:proj|ant|or|svcacct|admin|lf)-[A-Za-z0-9_-]{12,}",
        shape="sk-proj-…, sk-svcacct-…, sk-admin-…, sk-ant-…, sk-or-…, sk-lf-…",
    ),
    _starting("OpenAI and alike", "sk-", r"[A-Za-z0-9]{20,}[A-Za-z0-9_-]*"),
    # The digit within reach keeps hyphenated words that begin with sk- unharmed.
    _starting("OpenAI and alike", "sk-", r"(?=[A-Za-z_-]{0,60}[0-9])[A-Za-z0-9_-]{20,}"),
    _starting("OpenAI", "sess-", r"[A-Za-z0-9]{32,}"),
    _starting("Google", "AIza", r"[A-Za-z0-9_-]{30,}"),
    _starting("Google OAuth", r"ya29\.", r"[A-Za-z0-9_-]{20,}"),
    _starting("Google OAuth", "GOCSPX-", r"[A-Za-z0-9_-]{20,}"),
    _starting("Groq", "gsk_", r"[A-Za-z0-9]{20,}"),
    _starting("xAI", "xai-", r"[A-Za-z0-9]{20,}"),
    _starting("Perplexity", "pplx-", r"[A-Za-z0-9]{20,}"),
    _starting("Cerebras", "csk-", r"[A-Za-z0-9]{20,}"),
    _starting("Fireworks", "fw_", rf"[A-Za-z0-9]{{20,48}}{_ENDS}"),
    _starting("Together", "tgp_v1_", r"[A-Za-z0-9_-]{20,}"),
    _starting("Anyscale", "esecret_", r"[A-Za-z0-9]{16,}"),
    _starting("NVIDIA", "nvapi-", r"[A-Za-z0-9_-]{20,}"),
    _starting("Hugging Face", "hf_", r"[A-Za-z0-9]{20,}"),
    _starting("Hugging Face", "api_org_", r"[A-Za-z0-9]{30,}"),
    _starting("Replicate", "r8_", r"[A-Za-z0-9]{30,}"),
    _starting("Jina", "jina_", r"[A-Za-z0-9_-]{30,}"),
    _starting("Voyage", "pa-", rf"(?=[A-Za-z_-]{{0,40}}[0-9])[A-Za-z0-9_-]{{40,64}}{_ENDS}"),
    _starting("Pinecone", "pcsk_", r"[A-Za-z0-9_]{30,}"),
    _starting("ElevenLabs", "sk_", rf"[0-9a-f]{{48}}{_ENDS}"),
    _starting("RunPod", "rpa_", r"[A-Za-z0-9]{30,}"),
    _starting("Tavily", "tvly-", r"[A-Za-z0-9_-]{16,}"),
    _starting("Firecrawl", "fc-", rf"[0-9a-f]{{32}}{_ENDS}"),
    _starting("E2B", "e2b_", r"[0-9a-f]{40}"),
    _starting("LangSmith", "lsv2_", r"[A-Za-z0-9_]{30,}"),
)
_CLOUDS: Final = (
    _starting("AWS access key id", "A[KSB]IA", rf"[A-Z0-9]{{16}}{_ENDS}", "IA", "AKIA…, ASIA…, ABIA…"),
    _starting("AWS access key id", "ACCA", rf"[A-Z0-9]{{16}}{_ENDS}"),
    _starting("AWS Bedrock", "ABSK", r"[A-Za-z0-9+/]{60,}={0,2}"),
    _starting("AWS Bedrock", "bedrock-api-key-", r"[A-Za-z0-9+/]{20,}={0,2}"),
    _holding("Azure AI", "JQQJ99", r"(?<![A-Za-z0-9])[A-Za-z0-9]{40,64}JQQJ99[A-Za-z0-9]{16,}", "…JQQJ99…"),
    _holding(
        "Azure client secret",
        "Q~",
        r"(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}",
        "…Q~…",
    ),
    _holding(
        "Azure Storage",
        "+ASt",
        r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{60,80}\+ASt[A-Za-z0-9+/]{5,8}={0,2}",
        "…+ASt…",
    ),
    _holding(
        "Azure Search", "AzSe", r"(?<![A-Za-z0-9])[A-Za-z0-9]{42}AzSe[A-Za-z0-9]{6}(?![A-Za-z0-9])", "…AzSe…"
    ),
    _starting("Alibaba Cloud", "LTAI", rf"[A-Za-z0-9]{{12,24}}{_ENDS}"),
    _starting("DigitalOcean", "do[opr]_v1_", r"[0-9a-f]{40,}", "_v1_", "dop_v1_…, doo_v1_…, dor_v1_…"),
    _starting("Cloudflare origin CA", r"v1\.0-", r"[0-9a-f]{24}-[0-9a-f]{140,}"),
    _starting("Databricks", "dapi", rf"[0-9a-f]{{32}}{_ENDS}(?:-[0-9])?"),
    _starting("Heroku", "HRKU-", r"[A-Za-z0-9_-]{36,}"),
    _starting("Fly.io", "fo1_", r"[A-Za-z0-9_-]{40,}"),
    _starting("Fly.io", "fm[12][ar]?_", r"[A-Za-z0-9+/]{60,}={0,3}", "fm", "fm1a_…, fm2_…"),
    _starting("Supabase", "sbp_", r"[0-9a-f]{40}"),
    _starting("Supabase", "sb_secret_", r"[A-Za-z0-9_-]{20,}"),
    _starting("PlanetScale", "pscale_(?:pw|tkn|oauth)_", r"[A-Za-z0-9_=.-]{32,}", "pscale_", "pscale_pw_…"),
    _starting("ClickHouse Cloud", "4b1d", rf"[A-Za-z0-9]{{38}}{_ENDS}"),
    _starting("Tailscale", "tskey-", r"[A-Za-z0-9-]{20,}"),
)
_CODE_AND_DELIVERY: Final = (
    _starting("GitHub", "gh[pousr]_", r"[A-Za-z0-9]{30,}", "gh", "ghp_…, gho_…, ghu_…, ghs_…, ghr_…"),
    _starting("GitHub", "github_pat_", r"[A-Za-z0-9_]{22,}"),
    _starting(
        "GitLab",
        "gl[a-z]{2,6}-",
        r"(?=[A-Za-z_-]{0,60}[0-9])[A-Za-z0-9_-]{20,}(?:\.[0-9a-z]{9})?",
        "gl",
        "glpat-…, gldt-…, glrt-…, glcbt-… and its others",
    ),
    _starting("GitLab", "GR1348941", r"[A-Za-z0-9_-]{20,}"),
    _starting("Atlassian", "ATATT3", r"[A-Za-z0-9_=-]{20,}"),
    _starting("Bitbucket", "ATBB", rf"[A-Za-z0-9]{{32}}{_ENDS}"),
    _starting("npm", "npm_", r"[A-Za-z0-9]{30,}"),
    _starting("PyPI", "pypi-", r"[A-Za-z0-9_-]{40,}"),
    _starting("RubyGems", "rubygems_", r"[0-9a-f]{48}"),
    _starting("Docker Hub", "dckr_(?:pat|oat)_", r"[A-Za-z0-9_-]{20,}", "dckr_", "dckr_pat_…, dckr_oat_…"),
    _starting("JFrog", "AKCp", r"[A-Za-z0-9]{69}"),
    _starting("JFrog", "cmVmd", rf"[A-Za-z0-9]{{59}}{_ENDS}"),
    _starting("CircleCI", "CCIPAT_", r"[A-Za-z0-9_]{30,}"),
    _starting("Sourcegraph", "sgp_", r"(?:(?:[0-9a-fA-F]{16}|local)_)?[0-9a-fA-F]{40}"),
    _holding(
        "Terraform Cloud",
        ".atlasv1.",
        r"(?<![A-Za-z0-9])[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}",
        "….atlasv1.…",
    ),
    _starting("Pulumi", "pul-", r"[0-9a-f]{40}"),
    _starting("Prefect", "pnu_", rf"[A-Za-z0-9]{{36}}{_ENDS}"),
    _starting(
        "Doppler", r"dp\.(?:pt|st|ct|sa|scim|audit)\.", r"[A-Za-z0-9_.]{40,}", "dp.", "dp.pt.…, dp.st.…"
    ),
    _starting("Vault", r"hv[sbr]\.", r"[A-Za-z0-9_-]{20,}", "hv", "hvs.…, hvb.…, hvr.…"),
    _starting("1Password", "A3-", r"[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}"),
    _starting("age", "AGE-SECRET-KEY-1", r"[A-Z0-9]{50,}"),
    _starting("OpenShift", "sha256~", r"[A-Za-z0-9_-]{43}"),
    _starting("Postman", "PMAK-", r"[0-9a-f]{24}-[0-9a-f]{34}"),
)
_WATCHING: Final = (
    _starting("Grafana", "glsa_", r"[A-Za-z0-9]{32}_[0-9a-fA-F]{8}"),
    _starting("Grafana", "glc_", r"[A-Za-z0-9+/]{32,}={0,3}"),
    _starting("Sentry", "sntry[su]_", r"[A-Za-z0-9+/=_]{40,}", "sntry", "sntrys_…, sntryu_…"),
    _starting("New Relic", "NR(?:AK|II|RA)-", r"[A-Za-z0-9-]{27,}", "NR", "NRAK-…, NRII-…"),
    _starting("Dynatrace", r"dt0[a-z][0-9]{2}\.", r"[A-Z0-9]{8,24}\.[A-Z0-9]{64}", "dt0", "dt0c01.…"),
    _starting("Weights & Biases", "wandb_v1_", r"[A-Za-z0-9_]{40,}"),
)
_MESSAGES: Final = (
    _starting("Slack", r"xox(?:e\.xox)?[a-z]-", r"[A-Za-z0-9-]{10,}", "xox", "xoxb-…, xoxp-… and its others"),
    _starting("Slack", "xapp-", r"[0-9]-[A-Za-z0-9-]{10,}"),
    _holding(
        "Slack",
        "hooks.slack.com/",
        r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[A-Za-z0-9/]{10,}",
        "hooks.slack.com/services/…",
    ),
    _holding(
        "Teams",
        ".office.com/webhookb2/",
        r"(?<=\.office\.com/webhookb2/)[A-Za-z0-9@/-]{30,}",
        "webhook.office.com/…",
    ),
    _holding(
        "Discord",
        "/api/webhooks/",
        r"(?<=/api/webhooks/)[0-9]{15,21}/[A-Za-z0-9_-]{40,}",
        "discord.com/api/webhooks/…",
    ),
    _starting(
        "Discord bot",
        r"[MNO](?=[A-Za-z0-9_-]{22,27}\.)",
        r"[A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
        ".",
        "M….….…",
    ),
    _holding("Telegram bot", ":AA", r"(?<![A-Za-z0-9])[0-9]{8,10}:AA[A-Za-z0-9_-]{32,34}", "123456789:AA…"),
    _starting("Twilio", "SK(?=[0-9a-f]{32})", rf"[0-9a-f]{{32}}{_ENDS}", "SK", "SK…"),
    _starting("SendGrid", r"SG\.", r"[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    _starting("Mailgun", "key-", rf"[0-9a-f]{{32}}{_ENDS}"),
    _holding("Mailchimp", "-us", rf"(?<![A-Za-z0-9])[0-9a-f]{{32}}-us[0-9]{{1,2}}{_ENDS}", "…-us12"),
    _starting("Brevo", "xkeysib-", r"[0-9a-f]{64}-[A-Za-z0-9]{16}"),
)
_BUSINESS: Final = (
    _starting(
        "Stripe", "[sr]k_(?:live|test|prod)_", r"[A-Za-z0-9]{10,}", "k_", "sk_live_…, rk_live_…, sk_test_…"
    ),
    _starting("Stripe", "whsec_", r"[A-Za-z0-9+/=]{16,}"),
    _starting("Square", "sq0(?:atp|csp)-", r"[A-Za-z0-9_-]{22,}", "sq0", "sq0atp-…, sq0csp-…"),
    _starting("Square", "EAAA", rf"[A-Za-z0-9_-]{{56,64}}{_ENDS}"),
    _starting("Facebook", "EAA[A-Z]", r"[A-Za-z0-9]{80,}", "EAA", "EAAC…"),
    _holding(
        "PayPal, Braintree",
        "access_token$",
        r"(?<=access_token\$)(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}",
        "access_token$production$…",
    ),
    _starting("Plaid", "access-(?:sandbox|development|production)-", _UUID, "access-", "access-production-…"),
    _starting("Shopify", "shp[a-z]{2}_", r"[0-9a-fA-F]{32}", "shp", "shpat_…, shpss_… and its others"),
    _starting("EasyPost", "EZ[AT]K", rf"[A-Za-z0-9]{{54}}{_ENDS}", "EZ", "EZAK…, EZTK…"),
    _starting("HubSpot", "pat-(?:na|eu|ap)[0-9]-", _UUID, "pat-", "pat-na1-…"),
    _starting(
        "Airtable", r"pat(?=[A-Za-z0-9]{14}\.)", rf"[A-Za-z0-9]{{14}}\.[0-9a-f]{{64}}{_ENDS}", "pat", "pat….…"
    ),
    _starting("Notion", "ntn_", r"[0-9]{11}[A-Za-z0-9]{32,}"),
    _starting("Notion", "secret_", rf"[A-Za-z0-9]{{43}}{_ENDS}"),
    _starting("Linear", "lin_(?:api|oauth)_", r"[A-Za-z0-9]{40,}", "lin_", "lin_api_…, lin_oauth_…"),
    _starting("Figma", "fig[dour]_", r"[A-Za-z0-9_-]{40,}", "fig", "figd_…"),
    _starting("Typeform", "tfp_", r"[A-Za-z0-9_=.-]{44,}"),
    _starting("Dropbox", r"sl\.", r"[A-Za-z0-9_=-]{130,}"),
)

_GENERAL: Final = (
    KeyFormat(
        "Private keys (PEM, OpenSSH, PGP)",
        "-----BEGIN … PRIVATE KEY-----",
        "-----BEGIN ",
        _PRIVATE_KEY,
        "",
    ),
    # These go on as a JWT does, so they stand before it.
    _starting("Mapbox", r"sk\.eyJ", r"[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}"),
    _starting("1Password", "ops_eyJ", r"[A-Za-z0-9+/_-]{40,}={0,3}"),
    KeyFormat("JWT", "eyJ….….…", "eyJ", _JWT, "eyJ"),
    _starting("Grafana", "eyJrIjoi", r"[A-Za-z0-9]{60,}={0,3}"),
)

KEY_FORMATS: Final = (
    *_GENERAL,
    *_MODEL_PROVIDERS,
    *_CLOUDS,
    *_CODE_AND_DELIVERY,
    *_WATCHING,
    *_MESSAGES,
    *_BUSINESS,
)
