from __future__ import annotations

import json
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from local.config import ROOT
from slotkeeper import bootstrap
from slotkeeper.adapters.secrets_extension import read_secret
from slotkeeper.domain.errors import Unavailable

TOKEN = "the function's own"
STORES = {
    "mongoUri": "mongodb://user:canary-4711@127.0.0.1:9/slotkeeper?tls=true",
    "redisUrl": "rediss://user:canary-4711@127.0.0.1:9",
}


@dataclass
class Extension:
    """AWS's extension as a function finds it: one secret, for whom shows the function's token."""

    port: int = 0
    status: int = 200
    body: str = ""
    asked: list[str] = field(default_factory=list)

    def hold(self, text: object) -> None:
        self.body = json.dumps({"Name": "stores", "SecretString": text})


@pytest.fixture
def extension() -> Iterator[Extension]:
    made = Extension()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # as the library calls it
            made.asked.append(self.path)
            may = self.headers.get("X-Aws-Parameters-Secrets-Token") == TOKEN
            body = made.body.encode() if may else b"unauthorized"
            self.send_response(made.status if may else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_port
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def test_secret_is_read_by_its_name(extension: Extension) -> None:
    extension.hold("the secret")

    found = read_secret("slotkeeper-dev/stores", session_token=TOKEN, port=extension.port)

    assert found == "the secret"
    assert extension.asked == ["/secretsmanager/get?secretId=slotkeeper-dev%2Fstores"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 503])
def test_refusal_is_unavailable(extension: Extension, status: int) -> None:
    extension.hold("canary-4711")
    extension.status = status

    with pytest.raises(Unavailable):
        read_secret("stores", session_token=TOKEN, port=extension.port)


@pytest.mark.parametrize(
    "body", ["", "canary-4711", '["canary-4711"]', '"canary-4711"', '{"SecretString": 5}', "{}"]
)
def test_answer_that_is_no_secret_is_unavailable_and_not_repeated(
    extension: Extension, body: str
) -> None:
    extension.body = body

    with pytest.raises(Unavailable) as refused:
        read_secret("stores", session_token=TOKEN, port=extension.port)

    told = "".join(traceback.format_exception(refused.value, chain=True)[-1:])
    assert "canary" not in told + repr(refused.value.__cause__)


def test_function_without_the_extension_is_unavailable(extension: Extension) -> None:
    with pytest.raises(Unavailable):
        read_secret("stores", session_token=TOKEN, port=9)


# --- what bootstrap makes of it -------------------------------------------------------------------


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch, extension: Extension) -> Iterator[Extension]:
    """A function outside local, whose environment says where the stores are to be asked for."""
    variables = {
        "ENVIRONMENT": "prod",
        "STORES_SECRET_ID": "slotkeeper-prod/stores",
        "AWS_SESSION_TOKEN": TOKEN,
        "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(extension.port),
    }
    for name in ("MONGO_URI", "REDIS_URL", "REDIS_MODE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    made = (bootstrap.settings, bootstrap._stores, bootstrap.redis, bootstrap.database)
    for one in made:
        one.cache_clear()
    yield extension
    for one in made:
        one.cache_clear()


def test_stores_are_found_by_the_secret_which_is_read_once(function: Extension) -> None:
    function.hold(json.dumps(STORES))

    bootstrap.redis().close()
    bootstrap.database().client.close()

    assert len(function.asked) == 1
    assert bootstrap._stores().mongo_uri == STORES["mongoUri"]
    assert bootstrap.settings().mongo_uri == ""
    assert "canary" not in repr(bootstrap._stores())


def test_stores_are_found_without_boto3(extension: Extension) -> None:
    """In a process of its own, as a cold function is."""
    extension.hold(json.dumps(STORES))
    program = (
        "import sys; from slotkeeper import bootstrap\n"
        "bootstrap.redis().close(); bootstrap.database().client.close()\n"
        "print(bootstrap._stores().redis_url, 'boto3' in sys.modules)"
    )
    variables = {
        "PYTHONPATH": str(ROOT / "layers" / "common"),
        "ENVIRONMENT": "prod",
        "STORES_SECRET_ID": "slotkeeper-prod/stores",
        "AWS_SESSION_TOKEN": TOKEN,
        "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(extension.port),
    }

    done = subprocess.run(
        [sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == [STORES["redisUrl"], "False"]


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        json.dumps({**STORES, "mongoUri": ""}),
        json.dumps({"mongoUri": STORES["mongoUri"]}),
        json.dumps({**STORES, "redisUrl": "http://user:canary-4711@a"}),
        json.dumps({**STORES, "redisUrl": "redis://user:canary-4711@a"}),
        json.dumps({**STORES, "mongoUri": "mongodb://user:canary-4711@a/slotkeeper"}),
    ],
)
def test_secret_that_names_no_stores_is_unavailable_and_not_repeated(
    function: Extension, text: str
) -> None:
    function.hold(text)

    with pytest.raises(Unavailable) as refused:
        bootstrap.database()

    assert "canary" not in "".join(traceback.format_exception(refused.value))


def test_stores_are_asked_for_again_where_they_could_not_be_had(function: Extension) -> None:
    function.status = 400
    with pytest.raises(Unavailable):
        bootstrap.redis()
    function.status = 200
    function.hold(json.dumps(STORES))

    bootstrap.redis().close()

    assert len(function.asked) == 2
