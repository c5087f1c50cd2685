"""The mongods of a topology: a replica set of one, or of three that survives the loss of one."""

from __future__ import annotations

from functools import partial
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from local import programs
from local.config import HOST, Config
from local.processes import Server


def mongods(config: Config) -> list[Server]:
    """Each is ready when it is a member of a set that has a primary; the first forms the set."""
    return [_mongod(config, name, port) for name, port in config.mongo_ports.items()]


def _mongod(config: Config, name: str, port: int) -> Server:
    home = config.home / name
    is_alone = len(config.mongo_ports) == 1
    argv = [
        programs.mongod(),
        *("--dbpath", str(home / "data"), "--port", str(port), "--bind_ip", HOST),
        *("--replSet", "rs0", "--wiredTigerCacheSizeGB", "0.5" if is_alone else "0.25"),
        *("--oplogSize", "128", "--setParameter", "diagnosticDataCollectionEnabled=false"),
        # A transaction left open blocks its slots this long; none of ours takes as long.
        *("--setParameter", "transactionLifetimeLimitSeconds=30"),
        # All of a set are stopped together: there is nobody to hand over to.
        *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=0"),
        # A member that froze is not waited for as if a slow network lay in between.
        *("--setParameter", "oplogNetworkTimeoutBufferSeconds=1"),
    ]
    if config.mongo_test_commands:
        argv += ["--setParameter", "enableTestCommands=1"]
        # Files of what was dropped are closed soon, not kept for reads of the past.
        argv += ["--setParameter", "minSnapshotHistoryWindowInSeconds=10"]
    return Server(
        name=name,
        argv=argv,
        port=port,
        port_setting="MONGO_PORT",
        home=home,
        prepare=partial((home / "data").mkdir, exist_ok=True),
        is_ready=partial(_is_ready, config, name),
    )


def _is_ready(config: Config, name: str) -> bool:
    uri = f"mongodb://{HOST}:{config.mongo_ports[name]}/?directConnection=true"
    with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=300) as client:
        try:
            if name == next(iter(config.mongo_ports)):
                _form(client, config)
            hello = client.admin.command("hello")
            is_member = hello.get("isWritablePrimary") or hello.get("secondary")
            return bool(is_member and hello.get("primary") and hello["me"] == config.address(name))
        except PyMongoError:
            return False  # not up yet, or one of the others is not


def _form(client: MongoClient[dict[str, Any]], config: Config) -> None:
    """Make the set, or have its members known by where they listen now."""
    hosts = [config.address(name) for name in config.mongo_ports]
    wanted = {
        "_id": "rs0",
        "members": [{"_id": number, "host": host} for number, host in enumerate(hosts)],
        "settings": _settings(config),
    }
    try:
        current = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure:
        client.admin.command("replSetInitiate", wanted)
        return
    if [member["host"] for member in current["members"]] != hosts:  # ports were changed
        moved = {**current, "version": current["version"] + 1, "members": wanted["members"]}
        client.admin.command("replSetReconfig", moved, force=True)


def _settings(config: Config) -> dict[str, int]:
    if len(config.mongo_ports) == 1:
        # It need not wait ten seconds for others before it elects itself.
        return {"electionTimeoutMillis": 500}
    # A primary that died or froze is replaced within seconds: there is no slow network here.
    return {
        "electionTimeoutMillis": 1000,
        "heartbeatIntervalMillis": 500,
        "heartbeatTimeoutSecs": 2,
    }
