"""How a server is reached: through which proxy, and by whose certificates; and in words, why it is not."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from autogen_otel.plain_text import one_line

CERTIFICATE_VARIABLES: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""Variables with the certificates of authorities that are trusted; the first that is set counts."""
_PORTS: Final = {"http": 80, "https": 443}


class Proxy(NamedTuple):
    """A proxy that the environment names for an address.

    Args:
        url: as it is named; may have credentials.
        variable: that names it.
    """

    url: str
    variable: str

    @property
    def address(self) -> str:
        """Its URL without credentials."""
        scheme, _, rest = self.url.rpartition("://")
        return f"{scheme or 'http'}://{rest.rpartition('@')[2]}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, as any proxy would misunderstand it."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    mapped_address = getattr(address, "ipv4_mapped", None)
    return (mapped_address or address).is_loopback


def proxy_for(url: str, environ: Mapping[str, str] = os.environ) -> Proxy | None:
    """The proxy through which a URL is asked; ``None`` for none, as for this machine itself.

    Args:
        url: of the server.
        environ: in which the variable is looked up that names it.
    """
    parts = urlsplit(url)
    host = parts.hostname
    if host is None or is_loopback(host):
        return None
    proxies = getproxies()
    for scheme in (parts.scheme, "all"):
        if scheme in proxies and not proxy_bypass(f"{host}:{parts.port or _PORTS.get(parts.scheme, 80)}"):
            names = (f"{scheme}_proxy", f"{scheme.upper()}_PROXY")
            variable = next((name for name in names if environ.get(name)), "the settings of this system")
            return Proxy(proxies[scheme], variable)
    return None


def certificates(file: str | None = None) -> ssl.SSLContext:
    """The certificate authorities to trust: those of a file or folder, or of a variable, else the system's.

    Args:
        file: what the user names.

    Raises:
        ValueError: it cannot be read, or holds no certificate; the message is a clause.
    """
    variable = next((name for name in CERTIFICATE_VARIABLES if os.environ.get(name)), "")
    path = file or os.environ.get(variable, "")
    context = ssl.create_default_context()
    if not path:
        return context
    origin = "" if file else f", which {variable} names,"
    try:
        is_folder = Path(path).is_dir()
        context.load_verify_locations(capath=path if is_folder else None, cafile=None if is_folder else path)
    except ssl.SSLError:
        raise ValueError(f"{path}{origin} holds no certificates in PEM format") from None
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"{path}{origin} cannot be read: {problem}") from None
    return context


def why_unreachable(error: BaseException, proxy: Proxy | None, *, option: str = "") -> str:
    """Why a server was not reached, as a clause after ``cannot be reached``, with what to do.

    Args:
        error: what the connection raised.
        proxy: through which it was asked.
        option: an option of the command that names certificates.
    """
    reason = error.reason if isinstance(error, URLError) else error
    way = f" through the proxy {proxy.address}, which {proxy.variable} names" if proxy is not None else ""
    return f"{way}: {_reason(reason, option)}{_proxy_advice(reason, proxy)}"


def _reason(reason: object, option: str) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        *names, last = filter(None, (option, *CERTIFICATE_VARIABLES))
        return (
            f"its certificate is not accepted ({reason.verify_message}); "
            f"name the file of the authority that has signed it with {', '.join(names)} or {last}"
        )
    if isinstance(reason, ssl.SSLError):
        return f"{reason.reason or reason}; is it https that it speaks?"
    if isinstance(reason, ConnectionRefusedError):
        return "nothing listens there"
    message = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(reason)
    return one_line(message) or type(reason).__name__


def _proxy_advice(reason: object, proxy: Proxy | None) -> str:
    if proxy is None or isinstance(reason, ssl.SSLError):
        return ""
    return "; NO_PROXY names the hosts that are asked without it"
