"""The Valkeys of a topology: one; two and three Sentinels; or a Cluster of six."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import redis

from local import programs, redis_cluster
from local.config import HOST, SENTINEL_MASTER, Config
from local.processes import Server

_QUORUM = 2
_DOWN_AFTER_MS = 1_000
_FAILOVER_MS = 3_000


def redis_servers(config: Config) -> list[Server]:
    """Those that hold data first. Each is ready when it plays its part among the others."""
    valkeys = [_valkey(config, name) for name in config.valkey_ports]
    return [*valkeys, *(_sentinel(config, name) for name in config.sentinel_ports)]


def _valkey(config: Config, name: str) -> Server:
    home, port = config.home / name, config.valkey_ports[name]
    options = [
        *("--port", str(port), "--bind", HOST, "--dir", str(home)),
        # As in production: every second to disk (guide, section 7).
        *("--save", "", "--appendonly", "yes", "--appendfsync", "everysec"),
    ]
    match config.topology:
        case "single":
            return _server(name, port, home, options, is_ready=partial(_answers, port))
        case "ha":
            # The file is the server's: Sentinel has it keep there whose replica it is.
            file = home / "valkey.conf"
            argv = [str(file), *options, *_announced(config, name)]
            prepare = partial(_lay_out, home, config, {file: _first_role(config, name)})
            is_ready = partial(_is_in_step, port)
        case "cluster":
            argv = [*options, *redis_cluster.options(config, name)]
            prepare = partial(_lay_out, home, config, {})
            is_ready = partial(redis_cluster.is_ready, config, name)
    return _server(name, port, home, argv, is_ready=is_ready, prepare=prepare)


def _sentinel(config: Config, name: str) -> Server:
    home, port = config.home / name, config.sentinel_ports[name]
    file = home / "sentinel.conf"
    argv = [str(file), "--sentinel", *("--port", str(port), "--bind", HOST, "--dir", str(home))]
    prepare = partial(_lay_out, home, config, {file: _first_knowledge(config, name)})
    return _server(name, port, home, argv, is_ready=partial(_watches, port), prepare=prepare)


def _server(
    name: str,
    port: int,
    home: Path,
    argv: list[str],
    *,
    is_ready: Callable[[], bool],
    prepare: Callable[[], object] = lambda: None,
) -> Server:
    return Server(
        name=name,
        argv=[programs.valkey_server(), *argv],
        port=port,
        port_setting="REDIS_PORT",
        home=home,
        is_ready=is_ready,
        prepare=prepare,
    )


def _lay_out(home: Path, config: Config, files: Mapping[Path, str]) -> None:
    """Begin with these files, which are the server's from then on.

    What the nodes keep of each other are addresses: where those changed, all begin anew.
    """
    stamp = home / "made-for"
    nodes = " ".join(config.address(name) for name in config.valkey_ports)
    if stamp.exists() and stamp.read_text() == nodes:
        return
    for kept in home.iterdir():
        if kept.is_dir():
            shutil.rmtree(kept)
        elif kept.suffix != ".log":
            kept.unlink()
    for file, text in files.items():
        file.write_text(text)
    stamp.write_text(nodes)


def _announced(config: Config, name: str) -> list[str]:
    host, port = config.address(name).split(":")
    return [
        *("--replica-announce-ip", host, "--replica-announce-port", port),
        # A replica is in step at once; it need not wait for others to join.
        *("--repl-diskless-sync-delay", "0"),
    ]


def _first_role(config: Config, name: str) -> str:
    master, *_ = config.valkey_ports
    if name == master:
        return ""
    return f"replicaof {config.address(master).replace(':', ' ')}\n"


def _first_knowledge(config: Config, name: str) -> str:
    master, *replicas = (config.address(valkey).replace(":", " ") for valkey in config.valkey_ports)
    host, port = config.address(name).split(":")
    lines = [
        f"announce-ip {host}",
        f"announce-port {port}",
        f"monitor {SENTINEL_MASTER} {master} {_QUORUM}",
        f"down-after-milliseconds {SENTINEL_MASTER} {_DOWN_AFTER_MS}",
        f"failover-timeout {SENTINEL_MASTER} {_FAILOVER_MS}",
        *(f"known-replica {SENTINEL_MASTER} {replica}" for replica in replicas),
    ]
    return "".join(f"sentinel {line}\n" for line in lines)


def _answers(port: int) -> bool:
    try:
        with _client(port) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError):
        return False


def _is_in_step(port: int) -> bool:
    """A replica that has what its master has, or the master of one."""
    try:
        with _client(port) as client:
            known = client.info("replication")
    except (redis.RedisError, OSError):
        return False
    return bool(known.get("master_link_status") == "up" or known.get("connected_slaves"))


def _watches(port: int) -> bool:
    """A Sentinel that can tell with the others that the master is down, and has a replica."""
    try:
        with _client(port) as client:
            known = client.sentinel_master(SENTINEL_MASTER)
    except (redis.RedisError, OSError):
        return False
    return bool(known["num-other-sentinels"] >= _QUORUM and known["num-slaves"])


def _client(port: int) -> redis.Redis:
    return redis.Redis(host=HOST, port=port, socket_timeout=0.5, decode_responses=True)
