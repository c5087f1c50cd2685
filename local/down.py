"""Stop what `make run` started; data stays."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from local import servers
from local.config import TOPOLOGIES, Config, Topology
from local.processes import stop, stop_together
from local.progress import say


def down(config: Config) -> None:
    """Stop the servers of this state, by pid, whatever their topology.

    Those that write to the others are the first.
    """
    if stop(servers.front(config).pid_file):
        say("stopped front")
    if stop(servers.emulator(config).pid_file):
        say("stopped emulator")
        servers.forget_code(config)
    if stop(servers.payment_simulator(config).pid_file):
        say("stopped payment-simulator")
    stop_stores(config, TOPOLOGIES)


def stop_stores(config: Config, topologies: Collection[Topology]) -> None:
    for topology in topologies:
        for pid_files in _pid_files(config.of(topology).home):
            for pid_file in stop_together(pid_files):
                say(f"stopped {pid_file.stem}")


def _pid_files(home: Path) -> Iterator[list[Path]]:
    """Those of a kind; sentinels before who they watch, Valkeys before the mongods."""
    for kind in ("sentinel", "valkey", "mongod"):
        yield sorted(home.glob(f"{kind}*/{kind}*.pid"))
