"""What goes wrong in a page while a test uses it: nothing may, but what the test provoked."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, Response

_LEFT = "net::ERR_ABORTED"
"""Of a request whose page, or view, was left before it was answered."""
_TOLD_TWICE = re.compile(r"Failed to load resource: ")
"""The console's word for an answer or a failure that is known from the request itself."""


@dataclass
class Watch:
    """Console errors, uncaught errors, failed requests and refusals of one context's pages."""

    found: list[str] = field(default_factory=list)
    provoked: Counter[str] = field(default_factory=Counter)
    """What the test said it would bring about, by how it is told here: `409 POST /bookings`."""

    possible: set[str] = field(default_factory=set)
    """What may happen on the way, or not: the phone asks for messages all the time."""

    def over(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", lambda error: self.found.append(f"uncaught: {error.error}"))
        context.on("requestfailed", self._failed)
        context.on("response", self._answered)

    def provokes(self, *told: str) -> None:
        """It is about to happen, once or more often: `409 POST /bookings`, `net::... GET /me`."""
        self.provoked.update(dict.fromkeys(told, 0))

    def allows(self, *told: str) -> None:
        self.possible.update(told)

    def unexpected(self) -> list[str]:
        """All that nobody provoked, and what was to be provoked and did not happen."""
        return self.found + [
            f"did not happen: {told}" for told, n in self.provoked.items() if not n
        ]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not _TOLD_TWICE.match(message.text):
            self.found.append(f"console {message.type}: {message.text}")

    def _failed(self, request: Request) -> None:
        if request.failure != _LEFT:
            self._tell(f"{request.failure} {_of(request)}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self._tell(f"{response.status} {_of(response.request)}")

    def _tell(self, what: str) -> None:
        if what in self.provoked:
            self.provoked[what] += 1
        elif what not in self.possible:
            self.found.append(what)


def _of(request: Request) -> str:
    """`POST /bookings/*/verify-otp`: ids are left out."""
    path = re.sub(r"^https?://[^/]+|[?#].*$", "", request.url)
    return f"{request.method} {re.sub(r'/(at|bk|sl|dr)[_-][^/]+', '/*', path)}"
