"""Documents of the identity provider, fetched with care: whoever writes them lets people in."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector

WAIT_SECONDS = 2.0
"""For a connection, and for each part of the answer."""
FETCH_SECONDS = 3.0
"""For the whole body, however steadily it trickles."""
MAX_BYTES = 150_000


class UntrustedDocument(ValueError):
    """It must not be used, or not be fetched at all."""


class Documents:
    """JSON objects over HTTPS. No redirect is followed, no proxy asked, no other scheme known.

    `may_be_plain` allows HTTP, for a provider on this machine.
    """

    def __init__(
        self,
        *,
        may_be_plain: bool = False,
        wait_seconds: float = WAIT_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ):
        self._schemes = {"https", "http"} if may_be_plain else {"https"}
        self._wait_seconds = wait_seconds
        self._now = now

    def get(self, url: str) -> Mapping[str, Any]:  # Any: free JSON
        """The object that is published there.

        Raises:
            OSError: there is no answer.
            UntrustedDocument: another answer than 200, too long or slow a one, or no JSON object.
        """
        self._ensure_fetchable(url)
        try:
            with self._opener.open(url, timeout=self._wait_seconds) as answer:
                if answer.status != 200:
                    raise UntrustedDocument(f"answered {answer.status}")
                found = json.loads(self._body(answer))
        except (HTTPException, RecursionError, ValueError) as error:
            raise UntrustedDocument(type(error).__name__) from error
        if not isinstance(found, dict):
            raise UntrustedDocument("no object")
        return found

    def _ensure_fetchable(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in self._schemes or not parts.hostname or "@" in parts.netloc:
            raise UntrustedDocument("not an https:// address")

    def _body(self, answer: HTTPResponse) -> bytes:
        ends_at = self._now() + FETCH_SECONDS
        body = b""
        while part := answer.read1(MAX_BYTES):
            body += part
            if len(body) > MAX_BYTES or self._now() > ends_at:
                raise UntrustedDocument("too long")
        return body

    @cached_property
    def _opener(self) -> OpenerDirector:
        # By hand: the usual one follows redirects, reads file: and asks the environment's proxies.
        opener = OpenerDirector()
        opener.add_handler(HTTPSHandler())
        opener.add_handler(HTTPHandler())
        opener.addheaders = [("User-Agent", "slotkeeper"), ("Accept", "application/json")]
        return opener
