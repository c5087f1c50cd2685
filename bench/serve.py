"""The product behind plain HTTP: each request becomes API Gateway's event, for the real handlers.

No gateway stands before it, as none stands before a peer: what is compared is what runs behind.
Callers say who they are by a header, where a gateway's authorizer would.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from threading import Thread

from bench import events
from bench.ground import Ground
from bench.process import Inside
from local.config import HOST

_ROUTES = (
    ("GET", "/doctors/{id}/slots", "list_slots"),
    ("POST", "/bookings", "hold_slot"),
    ("POST", "/bookings/{id}/verify-otp", "verify_otp"),
    ("PATCH", "/bookings/{id}/cancel", "cancel"),
)
ROUTES = [
    (method, re.compile(route.replace("{id}", "([^/]+)")), route, function)
    for method, route, function in _ROUTES
]
USER = "X-Bench-User"


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # racers connect at the same moment; five may wait by default


class Served:
    """A server of `copies` processes of each function; `url` is where it listens."""

    def __init__(self, ground: Ground, *, copies: int):
        self._idle: Mapping[str, SimpleQueue[Inside]] = {
            function: SimpleQueue() for *_, function in ROUTES
        }
        self._all = [(name, Inside(ground, name)) for name in self._idle for _ in range(copies)]
        for name, process in self._all:
            self._idle[name].put(process)
        self._server = _Server((HOST, 0), self._handler())
        self.url = f"http://{HOST}:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        for _, process in self._all:
            process.close()

    def _answer(
        self, method: str, path: str, user: str, key: str | None, body: str
    ) -> tuple[int, str]:
        for known, pattern, route, function in ROUTES:
            match = pattern.fullmatch(path)
            if match and known == method:
                event = events.request(
                    method, route, user=user, id_=match[1] if match.groups() else None, key=key
                )
                event["body"] = body or None
                if body:
                    event["headers"]["Content-Type"] = "application/json"
                    event["multiValueHeaders"]["Content-Type"] = ["application/json"]
                process = self._idle[function].get()
                try:
                    [result] = process.invoke(event)
                finally:
                    self._idle[function].put(process)
                return int(result["status"]), str(result["body"] or "")
        return 404, ""

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _do(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length).decode()
                path, _, _ = self.path.partition("?")
                user, key = self.headers.get(USER, "nobody"), self.headers.get("Idempotency-Key")
                status, text = served._answer(self.command, path, user, key, body)
                data = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = _do  # noqa: N815  # as the server calls them

            def log_message(self, *_: object) -> None:
                """Nothing: it is measured."""

        return Handler
