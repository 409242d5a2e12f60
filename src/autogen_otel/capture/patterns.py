"""Formats by which a key is recognised wherever it stands.

Every expression begins at a boundary, or bounds what it repeats, so that none takes more than linear time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class KeyFormat:
    """One issuer's format.

    Args:
        issuer: who issues such keys.
        hint: text that every such key contains; where it is absent the expression is not tried.
        expression: matches the key and nothing else.
    """

    issuer: str
    hint: str
    expression: re.Pattern[str]


# An escape's last letter belongs to no word: \n \x1b \ud800 %3D, and the colours of terminals.
_AFTER_ESCAPE = (
    r"(?<=\\[abfnrtv0])|(?<=\\x[0-9a-fA-F]{2})|(?<=\\u[0-9a-fA-F]{4})|(?<=%[0-9A-Fa-f]{2})"
    r"|(?<=\[[0-9]m)|(?<=[\[;][0-9]{2}m)|(?<=;[0-9]{3}m)"
)


def _starting(issuer: str, prefix: str, rest: str, hint: str | None = None) -> KeyFormat:
    begins = rf"(?:(?<![A-Za-z0-9])|{_AFTER_ESCAPE})"
    return KeyFormat(issuer, hint or prefix, re.compile(f"{begins}(?:{prefix}){rest}"))


_PRIVATE_KEY = (
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:[^-]*(?:-(?!----)[^-]*)*-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    # Cut before its END line: what may belong to it goes too.
    r"|[A-Za-z0-9+/=\s\\:,]*)"
)
_JWT = (
    rf"(?:(?<![A-Za-z0-9_-])|{_AFTER_ESCAPE})(?:eyJ[A-Za-z0-9_-]{{6,}}(?:\.[A-Za-z0-9_-]+){{1,4}}\.?"
    # Cut within its header, which begins with alg, typ, kid or enc.
    r"|eyJ(?:hbGci|0eXAi|raWQi|lbmMi)[A-Za-z0-9_-]*)"
)

KEY_FORMATS: Final = (
    KeyFormat("PEM", "-----BEGIN ", re.compile(_PRIVATE_KEY)),
    KeyFormat("JWT", "eyJ", re.compile(_JWT)),
    _starting("OpenAI, Anthropic, OpenRouter", "sk-", r"(?:proj|ant|or|svcacct|admin|lf)-[A-Za-z0-9_-]{12,}"),
    _starting("OpenAI and alike", "sk-", r"[A-Za-z0-9]{20,}[A-Za-z0-9_-]*"),
    # The digit within reach keeps hyphenated words that begin with sk- unharmed.
    _starting("OpenAI and alike", "sk-", r"(?=[A-Za-z_-]{0,60}[0-9])[A-Za-z0-9_-]{20,}"),
    _starting("AWS", "(?:AK|AS)IA", r"[A-Z0-9]{16}(?![A-Za-z0-9])", hint="IA"),
    _starting("Google", "AIza", r"[A-Za-z0-9_-]{30,}"),
    _starting("Google OAuth", r"ya29\.", r"[A-Za-z0-9_-]{20,}", hint="ya29."),
    _starting("Google OAuth", "GOCSPX-", r"[A-Za-z0-9_-]{20,}"),
    _starting("GitHub", "gh[pousr]_", r"[A-Za-z0-9]{30,}", hint="gh"),
    _starting("GitHub", "github_pat_", r"[A-Za-z0-9_]{22,}"),
    _starting("GitLab", "gl[a-z]{2,5}-", r"(?=[A-Za-z_-]{0,60}[0-9])[A-Za-z0-9_-]{20,}", hint="gl"),
    _starting("Slack", "xox[a-z]-", r"[A-Za-z0-9-]{10,}", hint="xox"),
    _starting("Slack", "xapp-", r"[0-9]-[A-Za-z0-9-]{10,}"),
    KeyFormat("Slack", "hooks.slack.com/", re.compile(r"(?<=hooks\.slack\.com/services/)[A-Za-z0-9/]{10,}")),
    _starting("Stripe", "[sr]k_(?:live|test)_", r"[A-Za-z0-9]{10,}", hint="k_"),
    _starting("Stripe", "whsec_", r"[A-Za-z0-9+/=]{16,}"),
    _starting("Hugging Face", "hf_", r"[A-Za-z0-9]{20,}"),
    _starting("Groq", "gsk_", r"[A-Za-z0-9]{20,}"),
    _starting("xAI", "xai-", r"[A-Za-z0-9]{20,}"),
    _starting("Perplexity", "pplx-", r"[A-Za-z0-9]{20,}"),
    _starting("Cerebras", "csk-", r"[A-Za-z0-9]{20,}"),
    _starting("NVIDIA", "nvapi-", r"[A-Za-z0-9_-]{20,}"),
    _starting("Tavily", "tvly-", r"[A-Za-z0-9_-]{16,}"),
    _starting("Replicate", "r8_", r"[A-Za-z0-9]{30,}"),
    _starting("LangSmith", "lsv2_", r"[A-Za-z0-9_]{30,}"),
    _starting("SendGrid", r"SG\.", r"[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}", hint="SG."),
    _starting("npm", "npm_", r"[A-Za-z0-9]{30,}"),
    _starting("PyPI", "pypi-", r"[A-Za-z0-9_-]{40,}"),
    _starting("DigitalOcean", "do[opr]_v1_", r"[0-9a-f]{40,}", hint="_v1_"),
    _starting("Databricks", "dapi", r"[0-9a-f]{32}(?![A-Za-z0-9])"),
    _starting("Vault", "hv[sb]\\.", r"[A-Za-z0-9_-]{20,}", hint="hv"),
    _starting("Atlassian", "ATATT3", r"[A-Za-z0-9_=-]{20,}"),
    _starting("Shopify", "shp[a-z]{2}_", r"[0-9a-f]{32}", hint="shp"),
)
