"""The payment provider's requests, watched where every HTTP library of Python sends them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from unittest.mock import patch

from tests.crash.life import current

_ID = re.compile(r"/(pi|re)_\w+")


@contextmanager
def watched_requests(*, port: int, answered: Callable[[], None]) -> Iterator[None]:
    """Each request to that port of this machine is an effect: `answered` when it is over."""
    put, get = HTTPConnection.putrequest, HTTPConnection.getresponse

    def putrequest(self: HTTPConnection, method: str, url: str, *args: Any, **options: Any) -> None:
        life = current()
        if self.port == port and life is not None and not life.begins(_label(method, url)):
            life.ends()
        put(self, method, url, *args, **options)

    def getresponse(self: HTTPConnection) -> HTTPResponse:
        try:
            return get(self)
        finally:
            # Answered or not: it has arrived, or never will.
            if self.port == port:
                answered()

    with (
        patch.object(HTTPConnection, "putrequest", putrequest),
        patch.object(HTTPConnection, "getresponse", getresponse),
    ):
        yield


def _label(method: str, url: str) -> str:
    path = _ID.sub("/{id}", url.partition("?")[0])
    return f"provider {method} {path}"
