"""What a long run watches in the local system: memory, connections, the queue."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from local import aws, servers
from local.config import Config
from slotkeeper.adapters.redis.connect import connect

_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20 if hasattr(os, "sysconf") else 0.0


def take(config: Config, stack: Mapping[str, Any]) -> dict[str, float]:
    """One sample; what this machine cannot tell (memory, without /proc) is left out."""
    return {**_memory(config), **_connections(config), "queue_depth": _queue_depth(config, stack)}


def _memory(config: Config) -> dict[str, float]:
    emulator = servers.emulator(config).pid
    if emulator is None or not Path("/proc/self/statm").exists():
        return {}
    functions = list(_sizes_of_children(emulator))
    return {
        "function_processes": float(len(functions)),
        "function_mb_total": round(sum(functions), 1),
        "function_mb_largest": round(max(functions, default=0.0), 1),
        "emulator_mb": round(_size(emulator), 1),
    }


def _sizes_of_children(parent: int) -> Iterator[float]:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent:
                yield _size(int(stat.parent.name))
        except OSError:
            continue  # ended meanwhile


def _size(pid: int) -> float:
    """Megabytes of memory that the process has to itself, or shares, right now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_MB


def _connections(config: Config) -> dict[str, float]:
    with MongoClient[dict[str, Any]](config.mongo_uri) as client:
        current = client.admin.command("serverStatus")["connections"]["current"]
    told = connect(config.redis_url, config.redis_mode).info("clients")
    # A Cluster's client answers for each node.
    nodes = [told] if "connected_clients" in told else list(told.values())
    clients = sum(int(node["connected_clients"]) for node in nodes)
    return {"mongodb_connections": float(current), "redis_clients": float(clients)}


def _queue_depth(config: Config, stack: Mapping[str, Any]) -> float:
    counts = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    told = aws.client(config, "sqs").get_queue_attributes(
        QueueUrl=stack["notification_queue_url"], AttributeNames=list(counts)
    )
    return float(sum(int(told["Attributes"][name]) for name in counts))
