"""Calls of AWS by botocore's signer alone: as its clients make them, on real connections."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from moto import mock_aws

from slotkeeper.adapters.aws import signed
from slotkeeper.adapters.aws.client import call
from slotkeeper.adapters.aws.signed import TRIES, Keys, Signed
from slotkeeper.domain.errors import Unavailable
from tests.support.by_moto import ByMoto

REGION = "eu-central-1"
OF_THIS_START = {
    "AccessKeyId": "of-this-start",
    "SecretAccessKey": "canary-4711",
    "Token": "its token",
    "Expiration": "2100-01-01T00:00:00Z",
}
KEYS = Keys(access_key="testing", secret_key="canary-4711")


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-4711")
    for name in ("AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def by_moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with mock_aws():
        monkeypatch.setattr(signed, "URLLib3Session", ByMoto)
        yield


Answer = tuple[int, dict[str, Any]]


@contextmanager
def answering(*answers: Answer) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that gives these answers, the last one again and again; and what it was asked."""
    asked: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status, told = answers[min(len(asked), len(answers) - 1)]
            asked.append({name.lower(): value for name, value in self.headers.items()})
            asked[-1]["path"] = self.path
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            """What Lambda's endpoint of credentials answers."""
            asked.append({"path": self.path, "authorization": self.headers["Authorization"]})
            body = json.dumps(OF_THIS_START).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def sqs_at(endpoint: str, keys: Keys | None = KEYS) -> Signed:
    return Signed("sqs", region=REGION, endpoint=endpoint, keys=keys)


def at_aws(service: str) -> Signed:
    endpoint = f"https://{service}.{REGION}.amazonaws.com"
    return Signed(service, region=REGION, endpoint=endpoint, keys=KEYS)


def a_message(client: Signed) -> Any:
    return client.send_message(QueueUrl="https://queue", MessageBody="{}")


def test_a_message_arrives_as_a_client_would_have_sent_it(by_moto: None) -> None:
    boto = boto3.client("sqs", region_name=REGION)
    queue = boto.create_queue(QueueName="one")["QueueUrl"]
    attributes = {"traceparent": {"DataType": "String", "StringValue": "00-ab-cd-01"}}

    told = at_aws("sqs").send_message(
        QueueUrl=queue, MessageBody='{"kind":"é"}', MessageAttributes=attributes
    )

    [message] = boto.receive_message(QueueUrl=queue, MessageAttributeNames=["All"])["Messages"]
    assert message["Body"] == '{"kind":"é"}'
    assert message["MessageId"] == told["MessageId"]
    assert message["MessageAttributes"]["traceparent"]["StringValue"] == "00-ab-cd-01"


def test_a_batch_tells_what_was_taken_and_what_was_not(by_moto: None) -> None:
    boto = boto3.client("sqs", region_name=REGION)
    queue = boto.create_queue(QueueName="two")["QueueUrl"]

    told = at_aws("sqs").send_message_batch(
        QueueUrl=queue, Entries=[{"Id": "0", "MessageBody": "a"}, {"Id": "1", "MessageBody": "b"}]
    )

    assert {entry["Id"] for entry in told["Successful"]} == {"0", "1"}


def test_a_secret_is_read(by_moto: None) -> None:
    boto = boto3.client("secretsmanager", region_name=REGION)
    boto.create_secret(Name="keys", SecretString="text")

    found = at_aws("secretsmanager").get_secret_value(SecretId="keys")

    assert found["SecretString"] == "text"


def test_a_secret_that_is_not_there_is_refused_as_a_client_would_say(by_moto: None) -> None:
    with pytest.raises(ClientError) as refused:
        at_aws("secretsmanager").get_secret_value(SecretId="none")

    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_function_is_invoked_without_waiting_for_it() -> None:
    with answering((202, {})) as (endpoint, asked):
        told = Signed("lambda", region=REGION, endpoint=endpoint, keys=KEYS).invoke(
            FunctionName="relay:live", InvocationType="Event", Payload=b"{}"
        )

    assert told == {"StatusCode": 202}
    assert asked[0]["path"] == "/2015-03-31/functions/relay%3Alive/invocations"
    assert asked[0]["x-amz-invocation-type"] == "Event"


def test_a_request_is_signed_for_its_service_and_region_and_shows_no_key() -> None:
    with answering((200, {})) as (endpoint, asked):
        a_message(sqs_at(endpoint))

    assert f"/{REGION}/sqs/aws4_request" in asked[0]["authorization"]
    assert "canary-4711" not in str(asked)


def test_credentials_of_a_session_go_with_it() -> None:
    keys = Keys(access_key="testing", secret_key="canary-4711", token="of this start")
    with answering((200, {})) as (endpoint, asked):
        a_message(sqs_at(endpoint, keys))

    assert asked[0]["x-amz-security-token"] == "of this start"
    assert "canary-4711" not in repr(keys)


def test_where_a_snapshot_was_started_its_endpoint_tells_the_credentials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with answering((200, {})) as (endpoint, asked):
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{endpoint}/credentials")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "who asks")
        client = sqs_at(endpoint, keys=None)
        for _ in range(2):
            a_message(client)

    told, *sent = asked
    assert told == {"path": "/credentials", "authorization": "who asks"}
    assert len(sent) == 2, "asked once for both"
    assert all("Credential=of-this-start/" in one["authorization"] for one in sent)
    assert all(one["x-amz-security-token"] == "its token" for one in sent)


@pytest.mark.parametrize(("keys", "is_imported"), [("None", True), ("some", False)])
def test_what_asks_for_credentials_is_imported_before_a_snapshot_and_by_who_has_keys_never(
    keys: str, is_imported: bool
) -> None:
    made = f"""
import sys
from slotkeeper.adapters.aws.signed import Keys, Signed
some = Keys(access_key="testing", secret_key="canary-4711")
Signed("sqs", region="eu-central-1", endpoint="http://127.0.0.1:9", keys={keys})
print("botocore.credentials" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", made], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == str(is_imported)


def test_without_credentials_nothing_is_sent() -> None:
    with answering((200, {})) as (endpoint, asked), pytest.raises(Unavailable), call():
        a_message(sqs_at(endpoint, keys=None))

    assert asked == []


def test_what_fails_on_the_other_side_is_tried_once_more() -> None:
    with answering((500, {}), (200, {"MessageId": "1"})) as (endpoint, asked):
        told = a_message(sqs_at(endpoint))

    assert told == {"MessageId": "1"}
    assert len(asked) == 2


@pytest.mark.parametrize("status", [500, 503])
def test_what_fails_again_is_not_tried_for_ever(status: int) -> None:
    with answering((status, {})) as (endpoint, asked), pytest.raises(ClientError):
        a_message(sqs_at(endpoint))

    assert len(asked) == TRIES


def test_what_is_refused_is_not_tried_again() -> None:
    refused = {"__type": "com.amazonaws.sqs#AccessDeniedException", "message": "denied"}
    with answering((403, refused)) as (endpoint, asked), pytest.raises(ClientError) as told:
        a_message(sqs_at(endpoint))

    assert told.value.response["Error"] == {"Code": "AccessDeniedException", "Message": "denied"}
    assert len(asked) == 1


def test_a_refusal_that_is_not_in_words_is_known_by_its_status() -> None:
    with answering((413, {})) as (endpoint, _), pytest.raises(ClientError) as refused:
        a_message(sqs_at(endpoint))

    assert refused.value.response["Error"]["Code"] == "413"


def test_nobody_there_is_a_failure_of_the_connection() -> None:
    with answering((200, {})) as (endpoint, _):
        pass

    with pytest.raises(BotoCoreError):
        a_message(sqs_at(endpoint))
