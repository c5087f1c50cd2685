"""The client of a Cluster: where each command goes, and what it cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from redis import Redis
from redis.crc import key_slot
from redis.exceptions import RedisError

from local.config import HOST
from slotkeeper.adapters.redis.client import one_trip, one_trip_each
from slotkeeper.adapters.redis.cluster import Cluster
from tests.support.nodes import frozen
from tests.topology.conftest import RedisNodes, nodes_of

KEYS = [f"k{number}" for number in range(12)]


@pytest.fixture(scope="module")
def nodes() -> Iterator[RedisNodes]:
    yield from nodes_of("cluster")


@pytest.fixture
def cluster(nodes: RedisNodes) -> Iterator[Cluster]:
    with nodes.connect() as client:
        assert isinstance(client, Cluster)
        yield client


def test_commands_of_one_trip_go_to_all_masters_and_answer_in_order(cluster: Cluster) -> None:
    one_trip(cluster, *(_setting(key) for key in KEYS))

    assert one_trip(cluster, *(_getting(key) for key in KEYS)) == KEYS
    assert {cluster._map.master_of(key_slot(key.encode())) for key in KEYS} == set(
        cluster._map.masters
    )
    assert sorted(cluster.scan_iter("k*")) == sorted(KEYS)


def test_answers_have_the_shapes_of_one_servers(cluster: Cluster) -> None:
    cluster.delete("h", "h2"[:1])

    assert cluster.hset("h", mapping={"a": "1"}) == 1
    assert cluster.hgetall("h") == {"a": "1"}
    assert cluster.set("k", "mine", px=60_000) is True
    assert cluster.set("k", "yours", nx=True, px=60_000, get=True) == "mine"
    assert cluster.get("absent") is None
    assert cluster.ping() is True


def test_a_command_that_fails_raises_and_the_others_are_carried_out(cluster: Cluster) -> None:
    cluster.set("word", "a")
    with cluster.pipeline(transaction=False) as pipeline:
        pipeline.incr("word")
        pipeline.set("other", "b")
        answers = pipeline.execute(raise_on_error=False)

    assert isinstance(answers[0], RedisError)
    assert cluster.get("other") == "b"


def test_what_spans_nodes_is_refused(cluster: Cluster) -> None:
    with pytest.raises(RedisError, match="names one key"):
        cluster.eval("return 1", 2, "a", "b")
    with pytest.raises(RedisError, match="names no key"):
        cluster.execute_command("TIME")
    with pytest.raises(RedisError, match="no transaction"):
        cluster.pipeline()


def test_a_slot_is_served_while_it_moves_and_after(nodes: RedisNodes, cluster: Cluster) -> None:
    cluster.ping()
    key = "moving"
    slot = key_slot(key.encode())
    source = cluster._map.master_of(slot)
    target = next(master for master in cluster._map.masters if master != source)
    assert source is not None
    told = {address: cluster._map.node(address) for address in cluster._map.masters}
    ids = {address: _ask(node, "CLUSTER MYID") for address, node in told.items()}

    _ask(told[target], "CLUSTER SETSLOT", slot, "IMPORTING", ids[source])
    _ask(told[source], "CLUSTER SETSLOT", slot, "MIGRATING", ids[target])
    assert one_trip(cluster, _setting(key), _setting("k1"), _getting(key)) == [True, True, key]
    assert list(told[target].scan_iter(key)) == [key]  # it was sent on

    for address in [target, source]:
        _ask(told[address], "CLUSTER SETSLOT", slot, "NODE", ids[target])
    assert cluster.get(key) == key
    assert cluster.get(key) == key
    assert cluster._map.master_of(slot) == target  # and it has learned so


def test_what_is_on_live_nodes_is_answered_while_most_others_hang(
    nodes: RedisNodes, cluster: Cluster
) -> None:
    one_trip(cluster, *(_setting(key) for key in KEYS))
    live = cluster._map.masters[0]
    hanging = [node for node in nodes.nodes.values() if node.port != live[1]]
    held = [key for key in KEYS if cluster._map.master_of(key_slot(key.encode())) == live]

    with _nobody_given_up(nodes), ExitStack() as stack:
        for node in hanging:
            stack.enter_context(frozen(node))
        for _ in range(3):
            answers = one_trip_each(cluster, *(_getting(key) for key in KEYS))
            answered = [key for key, answer in zip(KEYS, answers, strict=True) if answer == key]
            assert answered == held
    for node in nodes.nodes.values():
        node.wait_ready()


@contextmanager
def _nobody_given_up(nodes: RedisNodes) -> Iterator[None]:
    """As in the first seconds of any outage: no node takes others for lost as yet."""
    ports = nodes.config.valkey_ports.values()
    clients = [Redis(host=HOST, port=port) for port in ports]
    for client in clients:
        client.config_set("cluster-node-timeout", 60_000)
    yield
    for client in clients:
        client.config_set("cluster-node-timeout", 1_000)
        client.close()


def _setting(key: str) -> Any:  # Any: a command of any kind
    return lambda p: p.set(key, key)


def _getting(key: str) -> Any:
    return lambda p: p.get(key)


def _ask(node: Redis, *command: Any) -> Any:
    return node.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py's
