"""Stop what `make run` started; data stays."""

from __future__ import annotations

from local import servers
from local.config import Config
from local.processes import stop
from local.progress import say


def down(config: Config) -> None:
    """Stop the servers of this state, by pid, the one that writes to the others first."""
    for server in (servers.emulator(config), servers.valkey(config), servers.mongod(config)):
        if stop(server.pid_file):
            say(f"stopped {server.name}")
