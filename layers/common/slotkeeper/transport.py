"""Whether what leaves a function is encrypted on its way, to a server that proves who it is."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote_plus, urlsplit

from slotkeeper import redis_url

if TYPE_CHECKING:
    from slotkeeper.redis_url import RedisMode

_MONGO_TLS = {"tls", "ssl"}
_MONGO_UNCHECKED = {
    "tlsinsecure",
    "tlsallowinvalidcertificates",
    "tlsallowinvalidhostnames",
}
"""Options with which the driver takes any server's word for who it is."""


def require_redis_tls(url: str, mode: RedisMode) -> None:
    """Refuse a REDIS_URL that fits its mode but not a network that somebody listens to.

    Raises:
        ValueError: what is missing; it repeats nothing of the URL.
    """
    asked = redis_url.read(url, mode)
    if not asked.is_tls:
        raise ValueError("REDIS_URL is not encrypted: rediss:// where REQUIRE_TLS is true")
    if asked.tls.get("ssl_check_hostname") == "no":
        raise ValueError("REDIS_URL's ssl_check_hostname=no is not for where REQUIRE_TLS is true")


def require_mongo_tls(uri: str) -> None:
    """Refuse a MONGO_URI that connects in the clear, or without a look at the certificate.

    Raises:
        ValueError: what is missing; it repeats nothing of the URI but the names of options.
    """
    scheme, _, rest = uri.partition("://")
    options = _options(rest)
    for name, value in options:
        if name in _MONGO_UNCHECKED and value != "false":
            raise ValueError(f"MONGO_URI's {name} is not for where REQUIRE_TLS is true")
    asked = [value for name, value in options if name in _MONGO_TLS]
    # A name that is looked up (SRV) is TLS unless it says otherwise; every word for it must agree.
    is_tls = all(value == "true" for value in asked) and (asked or scheme == "mongodb+srv")
    if not is_tls:
        raise ValueError("MONGO_URI is not encrypted: tls=true where REQUIRE_TLS is true")


def require_http(name: str, url: str, *, may_be_plain: bool) -> None:
    """Refuse a URL that is not HTTP's, or would be asked in the clear where that may not be.

    Raises:
        ValueError: naming the variable.
    """
    if not url.startswith(("https://", "http://") if may_be_plain else "https://"):
        raise ValueError(f"{name} is not encrypted: https:// where REQUIRE_TLS is true")


def is_within(url: str) -> bool:
    """Whether a URL is of this very machine (a collector beside the function): nobody listens."""
    try:
        return urlsplit(url).hostname in {"localhost", "127.0.0.1", "::1"}
    except ValueError:
        return False


def _options(rest: str) -> list[tuple[str, str]]:
    """The URI's options as the driver reads them: names in any case, `&` or `;` in between."""
    pairs = [pair.partition("=") for pair in rest.partition("?")[2].replace(";", "&").split("&")]
    return [(unquote_plus(name).lower(), unquote_plus(value)) for name, _, value in pairs]
