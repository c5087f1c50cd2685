"""The few calls of AWS that requests make, by botocore's signer and connections alone.

Its clients read a description of each service first: three times as long to import and to make, and
four times the processor a call (ADR 0011). Called as a client is, answers and fails as one does.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError, HTTPClientError, NoCredentialsError
from botocore.httpsession import URLLib3Session

from slotkeeper.value import Guarded

TIMEOUT: Any = (1, 2)  # botocore-stubs take one number
"""Seconds for a connection, and for an answer."""
TRIES = 2
"""Both together leave a request enough to undo what it began."""


class _Protocol(NamedTuple):
    """Of a service whose operations are a POST of JSON, named in a header."""

    target: str
    media_type: str


_PROTOCOLS = {
    "sqs": _Protocol("AmazonSQS", "application/x-amz-json-1.0"),
    "secretsmanager": _Protocol("secretsmanager", "application/x-amz-json-1.1"),
}
_FUNCTIONS = "/2015-03-31/functions"


class Keys(Guarded, kw_only=True):
    """What a request is signed with, as the signer takes it."""

    secret = frozenset({"access_key", "secret_key", "token"})

    access_key: str
    secret_key: str
    token: str | None = None

    @property
    def are_there(self) -> bool:
        return bool(self.access_key and self.secret_key)


class Signed:
    """One service (sqs, secretsmanager or lambda) at `endpoint`; thread-safe, as a client is.

    `keys` are the function's own; None where it was started from a snapshot, and asks for some at
    the endpoint that its environment names.

    Every call takes and answers what boto3's call of that name does, and raises:
        ClientError: AWS refused it, or failed twice.
        BotoCoreError: there was no connection, no answer or no credentials.
    """

    def __init__(self, service: str, *, region: str, endpoint: str, keys: Keys | None):
        self._service = service
        self._region = region
        self._endpoint = endpoint.rstrip("/")
        self._http = URLLib3Session(timeout=TIMEOUT)
        self._keys = keys
        # Before the snapshot, not in somebody's request after it.
        self._provider = None if keys else _provider_of_credentials()
        self._credentials: Any = None  # botocore has no types

    def send_message(self, **asked: Any) -> dict[str, Any]:
        return self._by_target("SendMessage", asked)

    def send_message_batch(self, **asked: Any) -> dict[str, Any]:
        return self._by_target("SendMessageBatch", asked)

    def get_secret_value(self, **asked: Any) -> dict[str, Any]:
        return self._by_target("GetSecretValue", asked)

    def invoke(self, **asked: Any) -> dict[str, Any]:
        path = f"{_FUNCTIONS}/{quote(asked['FunctionName'], safe='')}/invocations"
        headers = {"X-Amz-Invocation-Type": asked["InvocationType"]}
        status, _ = self._post("Invoke", path, headers, asked["Payload"])
        return {"StatusCode": status}

    def _by_target(self, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        target, media_type = _PROTOCOLS[self._service]
        headers = {"Content-Type": media_type, "X-Amz-Target": f"{target}.{operation}"}
        _, body = self._post(operation, "/", headers, json.dumps(asked).encode())
        return _parsed(body)

    def _post(
        self, operation: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, bytes]:
        for tries_left in range(TRIES - 1, -1, -1):
            request = AWSRequest("POST", self._endpoint + path, headers=dict(headers), data=body)
            SigV4Auth(self._known(), self._service, self._region).add_auth(request)
            try:
                answer = self._http.send(request.prepare())
            except HTTPClientError:
                if tries_left:
                    continue
                raise
            if answer.status_code < HTTPStatus.MULTIPLE_CHOICES:
                break
            if answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR or not tries_left:
                raise ClientError(_refusal(answer.status_code, answer.content), operation)
        return int(answer.status_code), bytes(answer.content)

    def _known(self) -> Any:
        if self._keys:
            return self._keys
        if self._credentials is None:
            assert self._provider
            self._credentials = self._provider.load()
        if self._credentials is None:
            raise NoCredentialsError
        # Those of a container are read anew before they lapse; a frozen set is of one moment.
        return self._credentials.get_frozen_credentials()


def _provider_of_credentials() -> Any:
    # A fifth of what there is to import for sending, which most starts have no use for.
    from botocore.credentials import ContainerProvider

    return ContainerProvider()


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _refusal(status: int, body: bytes) -> Any:  # what ClientError is made of
    told = _parsed(body)
    code = str(told.get("__type") or told.get("Code") or status).rpartition("#")[2]
    message = str(told.get("message") or told.get("Message") or "")
    return {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
