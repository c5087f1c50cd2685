"""A payment provider on this machine: Stripe's wire shape over HTTP, and test methods that fail.

`GET /_simulator/payments` tells every payment; `POST /_simulator/faults` with
`{"step": ..., "fault": ..., "times": ...}` lets the next requests go wrong, `DELETE` heals;
`POST /_simulator/deliver` lets late requests arrive.
"""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from local.config import HOST
from local.simulated_payments import Fault, NoAnswer, SimulatedPayments

LATE_SECONDS = 2.0
"""After which a late request arrives, where nobody delivers it by hand."""


class Simulator(ThreadingHTTPServer):
    """`hang_seconds` is how long a request without an answer is left waiting for one."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, payments: SimulatedPayments, port: int = 0, hang_seconds: float = 0.0):
        super().__init__((HOST, port), _Handler)
        self.payments = payments
        self.hang_seconds = hang_seconds
        self.is_closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Simulator
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        sent = self.rfile.read(length).decode()
        url = urlsplit(self.path)
        if url.path.startswith("/_simulator/"):
            self._answer(200, self._operate(url.path.rpartition("/")[2], sent))
            return
        if not (self.headers.get("Authorization") or "").removeprefix("Bearer ").strip():
            self._answer(401, {"error": {"type": "invalid_request_error"}})
            return
        form = dict(parse_qsl(sent or url.query, keep_blank_values=True))
        key = self.headers.get("Idempotency-Key")
        try:
            status, body = self.server.payments.handle(self.command, url.path, form, key)
        except NoAnswer:
            self._hang()
            return
        self._answer(status, body)

    def _operate(self, what: str, sent: str) -> Any:  # Any: free JSON
        payments = self.server.payments
        match self.command, what:
            case "GET", "payments":
                return payments.payments()
            case "POST", "faults":
                told = json.loads(sent)
                payments.fail(told["step"], Fault(told["fault"]), int(told.get("times", 1)))
            case "DELETE", "faults":
                payments.heal()
            case "POST", "deliver":
                return payments.deliver()
        return {}

    def _hang(self) -> None:
        hang = self.server.hang_seconds
        if hang:
            threading.Timer(LATE_SECONDS, self.server.payments.deliver).start()
            self.server.is_closing.wait(hang)
        self.close_connection = True

    def _answer(self, status: int, body: Any) -> None:  # Any: free JSON
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base's own name
        """Nothing: what happened is in `/_simulator/payments`."""


@contextmanager
def running(payments: SimulatedPayments) -> Iterator[Simulator]:
    """A simulator in this process, on a free port; where it does not answer it hangs up at once."""
    server = Simulator(payments)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.is_closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--hang-seconds", type=float, default=8.0)
    arguments = parser.parse_args()
    payments = SimulatedPayments(arguments.state)
    Simulator(payments, arguments.port, arguments.hang_seconds).serve_forever()


if __name__ == "__main__":
    main()
