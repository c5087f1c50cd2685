"""A Cluster of six Valkeys, three masters and a replica of each, made without another tool."""

from __future__ import annotations

from typing import Any

import redis
from redis import Redis

from local.config import HOST, Config, bus_port

_MASTERS = 3
_SLOTS = 16_384
_NODE_TIMEOUT_MS = 1_000


def options(config: Config, name: str) -> list[str]:
    host, port = config.address(name).split(":")
    return [
        *("--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"),
        *("--cluster-port", str(bus_port(config.valkey_ports[name]))),
        *("--cluster-announce-ip", host, "--cluster-announce-port", port),
        *("--cluster-node-timeout", str(_NODE_TIMEOUT_MS)),
        # Whoever lost both nodes of a shard still has the others.
        *("--cluster-require-full-coverage", "no"),
        # A replica takes over however long it was apart, and stays its master's.
        *("--cluster-replica-validity-factor", "0", "--cluster-allow-replica-migration", "no"),
        *("--repl-diskless-sync-delay", "0"),
    ]


def is_ready(config: Config, name: str) -> bool:
    """Whether the node serves its part of a whole Cluster, which the first node brings about."""
    try:
        if name == next(iter(config.valkey_ports)) and not _form(config):
            return False  # whole a moment later, but nobody's replica has been told yet
        with _client(config, name) as node:
            return _is_whole(node, config) and _has_its_part(node)
    except (redis.RedisError, OSError):
        return False  # not up yet, or one of the others is not


def _form(config: Config) -> bool:
    """Give each fresh master its slots, have the first node meet the others, then pair them.

    Whether all that is done.
    """
    names = list(config.valkey_ports)
    for index, name in enumerate(names[:_MASTERS]):
        _give_slots(config, name, index)
    with _client(config, names[0]) as node:
        known = _ask(node, "CLUSTER NODES")
        for name in names[1:]:
            # Also one that knows us already: whom we gave up on in between stays unknown else.
            if config.address(name) in known:
                continue
            host, port = config.address(name).split(":")
            bus = bus_port(config.valkey_ports[name])
            _ask(node, "CLUSTER MEET", host, port, bus)
        is_whole = _is_whole(node, config)
    if is_whole:
        for master, replica in zip(names, names[_MASTERS:], strict=False):
            _pair(config, master, replica)
    return is_whole


def _pair(config: Config, master: str, replica: str) -> None:
    """Have it follow the master, unless it has a part already (it was promoted, say)."""
    with _client(config, replica) as node, _client(config, master) as other:
        if node.info("replication")["role"] == "master" and not _has_slots(node):
            _ask(node, "CLUSTER REPLICATE", _ask(other, "CLUSTER MYID"))


def _give_slots(config: Config, name: str, index: int) -> None:
    """Unless it knows of any."""
    with _client(config, name) as node:
        known = _ask(node, "CLUSTER INFO")
        if known["cluster_known_nodes"] == "1" and known["cluster_slots_assigned"] == "0":
            begin, end = _SLOTS * index // _MASTERS, _SLOTS * (index + 1) // _MASTERS - 1
            _ask(node, "CLUSTER SET-CONFIG-EPOCH", index + 1)
            _ask(node, "CLUSTER ADDSLOTSRANGE", begin, end)


def _is_whole(node: Redis, config: Config) -> bool:
    known = _ask(node, "CLUSTER INFO")
    return bool(
        known["cluster_state"] == "ok"
        and known["cluster_slots_ok"] == str(_SLOTS)
        and known["cluster_known_nodes"] == str(len(config.valkey_ports))
    )


def _has_its_part(node: Redis) -> bool:
    """In step with its master, or a master of slots."""
    known = node.info("replication")
    if known["role"] == "slave":
        return bool(known["master_link_status"] == "up")
    return _has_slots(node)


def _has_slots(node: Redis) -> bool:
    known = _ask(node, "CLUSTER NODES").values()
    return any(one["slots"] for one in known if "myself" in one["flags"])


def _ask(node: Redis, command: str, *arguments: str | int) -> Any:  # Any: each its own shape
    return node.execute_command(command, *arguments)  # type: ignore[no-untyped-call]  # redis-py's


def _client(config: Config, name: str) -> Redis:
    port = config.valkey_ports[name]
    return Redis(host=HOST, port=port, socket_timeout=0.5, decode_responses=True)
