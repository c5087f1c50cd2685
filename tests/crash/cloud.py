"""The few calls of AWS that we make, answered as AWS answers them and kept to be looked at.

Answers botocore's own requests, in this process or over HTTP to another one. (The end-to-end tests
have a whole emulator; here each call is one of a thousand cuts.)
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError

from tests.support.secrets_manager import SecretsManager

KEYS = "otp-keys"
FIRST_KEYS = '{"k1": "secret of k1"}'
SMS = "sms"
EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Sent:
    """What a provider accepted for a person."""

    way: str
    address: str
    text: str


@dataclass
class Cloud:
    """One account; what is in `down` (`sqs SendMessage`, `sns Publish`, ...) is denied."""

    secrets: Mapping[str, str]
    """By name, but for the keys of codes."""
    keys: SecretsManager = field(default_factory=lambda: SecretsManager(KEYS, FIRST_KEYS))
    queue: list[str] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    woken: int = 0
    down: set[str] = field(default_factory=set)

    def empty(self) -> None:
        self.queue.clear()
        self.sent.clear()
        self.down.clear()
        self.woken = 0
        self.keys = SecretsManager(KEYS, FIRST_KEYS)

    def answer(self, request: Any) -> AWSResponse:  # Any: botocore's AWSPreparedRequest
        """The response to a request that botocore is about to send."""
        body = request.body or b""
        data = body if isinstance(body, bytes) else str(body).encode()
        headers = {k: v.decode() if isinstance(v, bytes) else v for k, v in request.headers.items()}
        status, media_type, text = self.serve(request.url, headers, data)
        raw = _Raw(text.encode())
        answered = HTTPHeaders.from_pairs([("Content-Type", media_type)])
        return AWSResponse(request.url, status, answered, raw)

    def serve(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str, str]:
        operation, asked = _read(url, headers, body)
        if any(name.endswith(f" {operation}") for name in self.down):
            # Denied: the one way of failing that botocore does not wait and try again for.
            error = {"__type": "AccessDeniedException", "message": "denied"}
            if operation == "Publish":
                text = "<Error><Code>AuthorizationError</Code><Message>denied</Message></Error>"
                return 403, "text/xml", f"<ErrorResponse>{text}</ErrorResponse>"
            return 403, "application/json", json.dumps(error)
        try:
            answer = getattr(self, f"_{operation}")(asked)
        except ClientError as error:
            return 400, "application/json", json.dumps({"__type": error.response["Error"]["Code"]})
        if operation == "Publish":
            return 200, "text/xml", answer
        if operation == "Invoke":
            return 202, "application/json", ""
        return 200, "application/json", json.dumps(answer)

    def _SendMessage(self, asked: Mapping[str, Any]) -> Any:  # noqa: N802  # the operation's name
        self.queue.append(asked["MessageBody"])
        return {"MessageId": uuid.uuid4().hex, "MD5OfMessageBody": ""}

    def _SendMessageBatch(self, asked: Mapping[str, Any]) -> Any:  # noqa: N802
        self.queue += [entry["MessageBody"] for entry in asked["Entries"]]
        told = [
            {"Id": entry["Id"], "MessageId": uuid.uuid4().hex, "MD5OfMessageBody": ""}
            for entry in asked["Entries"]
        ]
        return {"Successful": told, "Failed": []}

    def _GetQueueAttributes(self, asked: Mapping[str, Any]) -> Any:  # noqa: N802
        return {"Attributes": {"QueueArn": "arn:aws:sqs:eu-central-1:123456789012:notifications"}}

    def _GetSecretValue(self, asked: Mapping[str, Any]) -> Any:  # noqa: N802
        if asked["SecretId"] == KEYS:
            return self.keys.get_secret_value(**asked)
        return {"Name": asked["SecretId"], "SecretString": self.secrets[asked["SecretId"]]}

    def _DescribeSecret(self, asked: Mapping[str, Any]) -> Any:  # noqa: N802
        return self.keys.describe_secret(**asked)

    def _PutSecretValue(self, asked: Mapping[str, Any]) -> Any:  # noqa: N802
        return self.keys.put_secret_value(**asked) or {}

    def _UpdateSecretVersionStage(self, asked: Mapping[str, Any]) -> Any:  # noqa: N802
        return self.keys.update_secret_version_stage(**asked) or {}

    def _Invoke(self, asked: Mapping[str, Any]) -> Any:  # noqa: N802
        self.woken += 1

    def _Publish(self, asked: Mapping[str, Any]) -> Any:  # noqa: N802
        self.sent.append(Sent(SMS, asked["PhoneNumber"], asked["Message"]))
        told = f"<MessageId>{uuid.uuid4()}</MessageId>"
        return f"<PublishResponse><PublishResult>{told}</PublishResult></PublishResponse>"

    def _SendEmail(self, asked: Mapping[str, Any]) -> Any:  # noqa: N802
        [address] = asked["Destination"]["ToAddresses"]
        self.sent.append(Sent(EMAIL, address, asked["Content"]["Simple"]["Body"]["Text"]["Data"]))
        return {"MessageId": uuid.uuid4().hex}


def _read(url: str, headers: Mapping[str, str], body: bytes) -> tuple[str, Mapping[str, Any]]:
    """The operation's name and its parameters, by the protocol of its service."""
    target = {name.lower(): value for name, value in headers.items()}.get("x-amz-target")
    if target is not None:
        return target.partition(".")[2], json.loads(body)
    if "/functions/" in url:
        return "Invoke", {}
    if url.endswith("/v2/email/outbound-emails"):
        return "SendEmail", json.loads(body)
    form = parse_qs(body.decode())
    return form["Action"][0], {name: values[0] for name, values in form.items()}


class _Raw(BytesIO):
    """A body as botocore reads it off a connection."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


@contextmanager
def listening(cloud: Cloud) -> Iterator[int]:
    """The same account for other processes, over HTTP; the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # as the library calls it
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, media_type, text = cloud.serve(self.path, dict(self.headers.items()), body)
            data = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Nothing: the test tells what went wrong."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
