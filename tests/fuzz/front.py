"""The API over HTTP with the real handlers behind it in this process, and a note of each answer.

`python -m tests.fuzz.front NOTES` prints its port and serves until its standard input ends. A line
of NOTES is one request: its route, status and milliseconds, what is wrong with the answer, and of a
change the answer itself. One request at a time: a Lambda container has no more either.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TextIO

from tests.fuzz.faults import faults_of
from tests.fuzz.gateway import Gateway
from tests.fuzz.ground import OTHERS
from tests.fuzz.planted import plant
from tests.fuzz.wire import Answer, Sent

PLANTED_BUG = "FUZZ_PLANTED"
LARGEST = 11 * 2**20
"""Bytes: API Gateway takes 10 MB."""


class Front:
    def __init__(self, gateway: Gateway, notes: TextIO):
        self._gateway = gateway
        self._notes = notes
        self._turn = threading.Lock()

    def answer(self, sent: Sent) -> Answer:
        with self._turn:
            answer = self._gateway(sent)
            self._note(sent, answer)
        return answer

    def _note(self, sent: Sent, answer: Answer) -> None:
        faults = faults_of(sent, answer, secrets=OTHERS.values())
        note: dict[str, Any] = {
            "route": self._gateway.last_route,
            "status": answer.status,
            "ms": round(answer.ms, 1),
        }
        if sent.method != "GET" and 200 <= answer.status < 300:
            is_replay = answer.header("Idempotent-Replayed") is not None
            note["made"] = {"body": answer.json, "asked": _json(sent.body), "isReplay": is_replay}
        if faults:
            note |= {"faults": faults, "sent": _shown(sent), "answer": answer.text[:2_000]}
        self._notes.write(json.dumps(note) + "\n")
        self._notes.flush()


def _json(body: bytes) -> Any:  # Any: free JSON
    try:
        return json.loads(body or b"null")
    except ValueError:
        return None


def _shown(sent: Sent) -> dict[str, Any]:
    """Enough to send it again; without the token."""
    headers = [pair for pair in sent.headers if pair[0].lower() != "authorization"]
    body = base64.b64encode(sent.body[:20_000]).decode()
    return {"method": sent.method, "target": sent.target, "headers": headers, "body": body}


def _handler(front: Front) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # One packet an answer: two of them wait for each other on a connection that is kept.
        wbufsize = -1
        disable_nagle_algorithm = True

        def __getattr__(self, name: str) -> Callable[[], None]:
            if not name.startswith("do_"):  # any method there is, and any there is not
                raise AttributeError(name)
            return self._serve

        def _serve(self) -> None:
            length = self.headers.get("Content-Length") or "0"
            size = int(length) if length.isascii() and length.isdigit() else 0
            body = self.rfile.read(min(size, LARGEST))
            headers = tuple((name, str(value)) for name, value in self.headers.items())
            answer = front.answer(
                Sent(method=self.command, target=self.path, headers=headers, body=body)
            )
            self.send_response(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            has_none = answer.status in {204, 304} or self.command == "HEAD"
            if not has_none:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if not has_none:
                self.wfile.write(answer.body)

        def log_message(self, *_: Any) -> None:
            """Nothing: there are the notes."""

    return Handler


def main() -> None:
    if names := os.environ.get(PLANTED_BUG):
        plant(names)
    with (
        Path(sys.argv[1]).open("a") as notes,
        ThreadingHTTPServer(("127.0.0.1", 0), _handler(Front(Gateway(), notes))) as server,
    ):
        server.daemon_threads = True
        print(f"port {server.server_port}", flush=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main()
