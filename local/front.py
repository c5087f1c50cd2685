"""The page's address on this machine: passes everything on to the API, and adds what is local only.

Here one signs in as a made-up person and sees the messages that the emulator received for them
(`/_local/...`). None of it is part of what is deployed: no function, layer or setting knows it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import urllib3

from local import identity, inbox
from local.config import HOST, TOPOLOGIES, Config

PEOPLE = (
    {"name": "alice", "role": "patient"},
    {"name": "bob", "role": "patient"},
    {"name": "carol", "role": "patient"},
    {"name": "sam", "role": "staff"},
)
"""Whom `/assets/site.json` offers; the function's own says that nobody can sign in."""
ANYBODY = "anybody"
"""The name by which one is somebody new."""
_SECONDS = 60.0
_OUR_OWN = frozenset(
    {
        *("connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"),
        *("accept-encoding", "host", "te", "trailer", "upgrade"),
    }
)
"""Headers between two neighbours, which are not passed on."""
_api = urllib3.PoolManager(maxsize=32, retries=False, timeout=_SECONDS)


class Refused(Exception):
    """A request that is not answered as it asks; its status and its problem's code."""

    def __init__(self, status: int, code: str):
        super().__init__(code)
        self.status = status
        self.code = code


class Front(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, config: Config):
        super().__init__((HOST, config.web_port), _Handler)
        self.config = config
        # Any other name that leads here is somebody else's page, made to read this one.
        self.names = {f"{host}:{config.web_port}" for host in (HOST, "localhost")}

    @property
    def api_url(self) -> str:
        """Raises Refused: nothing has been deployed yet."""
        try:
            url: str = json.loads((self.config.state / "stack.json").read_text())["api_url"]
        except (OSError, ValueError, KeyError):
            raise Refused(503, "unavailable") from None
        return url


class _Handler(BaseHTTPRequestHandler):
    server: Front
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __getattr__(self, name: str) -> Any:  # Any: as the base looks for its methods
        # Whatever the method, the API decides about it.
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            if self.headers.get("Host") not in self.server.names:
                raise Refused(421, "misdirected")
            match self.command, self.path.partition("?")[0]:
                case "GET", "/_local/ready":
                    self._answer_json({})
                case "GET", "/assets/site.json":
                    self._answer_json({"signIn": {"kind": "local", "people": PEOPLE}})
                case "POST", "/_local/sign-in":
                    self._answer_json(self._sign_in(body))
                case "GET", "/_local/messages":
                    self._answer_json({"items": self._messages()})
                case _:
                    self._pass_on(body)
        except Refused as refused:
            problem = {"status": refused.status, "code": refused.code}
            self._answer_json(problem, refused.status)

    def _sign_in(self, body: bytes) -> Mapping[str, str]:
        # No other site's form can send this type without being asked first, and is told no.
        if self.headers.get_content_type() != "application/json":
            raise Refused(415, "unsupported_media_type")
        try:
            asked = json.loads(body)
            name, role = asked["name"], asked["role"]
        except (ValueError, KeyError, TypeError):
            raise Refused(400, "invalid_request") from None
        if name == ANYBODY and role in identity.ROLES:
            wanted = identity.anybody(role)
        elif {"name": name, "role": role} in PEOPLE:
            wanted = identity.named(name, role)
        else:
            raise Refused(400, "invalid_request")
        [person] = identity.sign_in(self.server.config, [wanted])
        return {
            "token": person.token,
            "name": name,
            "role": person.role,
            "userId": person.user_id,
            "phone": person.phone,
            "email": person.email,
        }

    def _messages(self) -> list[dict[str, str]]:
        """Those to whoever the token is of, as the API itself knows them."""
        sent = {"Authorization": self.headers.get("Authorization") or ""}
        answer = self._ask("GET", f"{self.server.api_url}/me", sent)
        if answer.status != 200:
            raise Refused(answer.status, "unauthenticated")
        person = json.loads(answer.data)
        mine = {person["phone"], person["email"]} - {None}
        return [one for one in inbox.messages(self.server.config) if one["to"] in mine]

    def _pass_on(self, body: bytes) -> None:
        sent = {name: value for name, value in self.headers.items() if name.lower() not in _OUR_OWN}
        answer = self._ask(self.command, self.server.api_url + self.path, sent, body or None)
        headers = [
            (name, value) for name, value in answer.headers.items() if name.lower() not in _OUR_OWN
        ]
        self._answer(answer.status, answer.data, headers)

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> urllib3.BaseHTTPResponse:
        try:
            return _api.request(method, url, body=body, headers=headers, redirect=False)
        except urllib3.exceptions.HTTPError:
            raise Refused(503, "unavailable") from None

    def _answer_json(self, what: object, status: int = 200) -> None:
        kind = "application/json" if status == 200 else "application/problem+json"
        headers = [("Content-Type", kind), ("Cache-Control", "no-store")]
        self._answer(status, json.dumps(what).encode(), headers)

    def _answer(self, status: int, body: bytes, headers: list[tuple[str, str]]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status not in {204, 304}:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status not in {204, 304}:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base's own name
        """Nothing: requests are in the functions' logs."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    for port in ("web", "api", "mongo"):
        parser.add_argument(f"--{port}-port", type=int, required=True)
    parser.add_argument("--topology", choices=TOPOLOGIES, required=True)
    given = parser.parse_args()
    config = Config(
        state=given.state,
        web_port=given.web_port,
        api_port=given.api_port,
        mongo_port=given.mongo_port,
        topology=given.topology,
        redis_port=0,  # nothing here asks Redis
        rules={},
        mongo_test_commands=False,
    )
    Front(config).serve_forever()


if __name__ == "__main__":
    main()
