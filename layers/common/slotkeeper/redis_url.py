"""What a REDIS_URL says: which servers, as whom, how secured. It is read here and nowhere else.

    redis://[user:password@]host[:port][,host[:port]...][/db][?option=value&...]

`rediss` instead of `redis` is TLS. Several hosts are the Sentinels, or nodes by which the rest of a
Cluster is found.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec

from slotkeeper.value import Guarded

RedisMode = Literal["single", "sentinel", "cluster"]

DEFAULT_PORT = {"single": 6379, "sentinel": 26379, "cluster": 6379}
_TLS_OPTIONS = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname"}
_SENTINEL_OPTIONS = {"sentinel_username", "sentinel_password"}


class RedisUrl(Guarded, kw_only=True):
    """One that fits its mode."""

    secret = frozenset({"password", "sentinel_password"})

    hosts: tuple[tuple[str, int], ...]
    db: int = 0
    username: str | None = None
    password: str | None = None
    is_tls: bool = False
    tls: dict[str, str] = msgspec.field(default_factory=dict)
    """ssl_ca_certs, ssl_certfile, ssl_keyfile: paths; ssl_check_hostname: yes or no."""
    sentinel_username: str | None = None
    sentinel_password: str | None = None


def read(url: str, mode: RedisMode) -> RedisUrl:
    """Read and check it.

    Raises:
        ValueError: it says what the mode cannot do, or nothing; the message repeats none of it but
            the names of options, as there are passwords in it.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"redis", "rediss"}:
        raise ValueError("REDIS_URL begins with redis:// or rediss://")
    userinfo, _, authority = parts.netloc.rpartition("@")
    username, _, password = userinfo.partition(":")
    hosts = tuple(_host(host, DEFAULT_PORT[mode]) for host in authority.split(","))
    if mode == "single" and len(hosts) > 1:
        raise ValueError("REDIS_URL names several hosts: REDIS_MODE is sentinel or cluster then")
    options = _options(parts, mode)
    return RedisUrl(
        hosts=hosts,
        db=_db(parts.path, mode),
        username=unquote(username) or None,
        password=unquote(password) or None,
        is_tls=parts.scheme == "rediss",
        tls={name: value for name, value in options.items() if name in _TLS_OPTIONS},
        sentinel_username=options.get("sentinel_username"),
        sentinel_password=options.get("sentinel_password"),
    )


def _host(text: str, default_port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host:
        raise ValueError("REDIS_URL names hosts as host:port, separated by commas")
    return host, port or default_port


def _db(path: str, mode: RedisMode) -> int:
    number = path.strip("/") or "0"
    if not (number.isascii() and number.isdigit()):
        raise ValueError("REDIS_URL's path is the number of a database")
    if mode == "cluster" and int(number):
        raise ValueError("a Cluster has no database but 0: REDIS_URL names another")
    return int(number)


def _options(parts: SplitResult, mode: RedisMode) -> dict[str, str]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in options:
        if name in _TLS_OPTIONS:
            if parts.scheme != "rediss":
                raise ValueError(f"REDIS_URL's {name} is for TLS: rediss://")
        elif name not in _SENTINEL_OPTIONS:
            raise ValueError(f"REDIS_URL has an option that is not known: {name}")
        elif mode != "sentinel":
            raise ValueError(f"REDIS_URL's {name} is for REDIS_MODE=sentinel")
    if options.get("ssl_check_hostname", "yes") not in {"yes", "no"}:
        raise ValueError("REDIS_URL's ssl_check_hostname is yes or no")
    return options
