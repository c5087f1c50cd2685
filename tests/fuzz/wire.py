"""A request as bytes that go over the wire, and its answer: any bytes, not only good ones."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

Headers = tuple[tuple[str, str], ...]
SECONDS = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """`target` is what stands in the request line, as it stands there; so are headers."""

    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def header(self, name: str) -> str | None:
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)

    def with_header(self, name: str, value: str | None) -> Headers:
        """The headers with this one in the place of all of its name; without any for None."""
        others = tuple(pair for pair in self.headers if pair[0].lower() != name.lower())
        return others if value is None else (*others, (name, value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: Headers
    body: bytes
    ms: float = field(default=0.0, compare=False)

    def header(self, name: str) -> str | None:
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def json(self) -> Any:  # Any: free JSON
        """The body's value; None where it has none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


Ask = Callable[[Sent], Answer]
"""A way to the API."""


def over_http(base_url: str) -> Ask:
    """Ask whoever listens there; `base_url` may have a path, which goes before every target.

    Raises:
        ConnectionError: no answer, or none that is HTTP.
    """
    base = urlsplit(base_url)
    host, port = str(base.hostname), int(base.port or 80)

    def ask(sent: Sent) -> Answer:
        data = _bytes_of(sent, base.path.rstrip("/"), f"{host}:{port}")
        with socket.create_connection((host, port), timeout=SECONDS) as connection:
            # Refused before it had all been read, its answer is on its way.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(data)
            response = HTTPResponse(connection, method=sent.method)
            try:
                response.begin()
                body = response.read()
            except (HTTPException, OSError) as error:
                raise ConnectionError(f"{sent.method} {sent.target[:200]!r}: {error!r}") from error
            return Answer(status=response.status, headers=tuple(response.getheaders()), body=body)

    return ask


def _bytes_of(sent: Sent, base: str, host: str) -> bytes:
    headers = list(sent.headers)
    known = {name.lower() for name, _ in headers}
    if "host" not in known:
        headers.insert(0, ("Host", host))
    if sent.body and "content-length" not in known:
        headers.append(("Content-Length", str(len(sent.body))))
    if "connection" not in known:
        headers.append(("Connection", "close"))
    lines = [f"{sent.method} {base}{sent.target} HTTP/1.1", *(f"{n}: {v}" for n, v in headers)]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogatepass") + sent.body
