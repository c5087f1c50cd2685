"""Bring the whole system up and leave it running."""

from __future__ import annotations

import fcntl
import json
import signal
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

from pymongo import MongoClient

from local import deploy, emulator_process, identity, servers
from local.config import (
    ENVIRONMENT,
    HOST,
    REGION,
    ROOT,
    SENTINEL_MASTER,
    STACK,
    TOPOLOGIES,
    Config,
)
from local.down import stop_stores
from local.processes import Server, stop
from local.progress import LocalError, say
from ops import demo_clinic as clinic
from slotkeeper.adapters.mongo.indexes import create_indexes

HEALTH_SECONDS = 30
SAVE_SECONDS = 30


def up(config: Config) -> dict[str, Any]:
    """Start what does not run, deploy what changed; what was written to `stack.json`.

    Raises:
        LocalError: a port is busy, or a server or the deployment failed. What this call had
            started is stopped again; so it is at Ctrl-C.
    """
    config.state.mkdir(parents=True, exist_ok=True)
    started: list[Server] = []
    with (config.state / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LocalError("another `make run` is at work here") from error
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            return _up(config, started)
        except BaseException:
            # One that was already running stays; what we began is not left half done.
            for server in started:
                stop(server.pid_file)
                say(f"stopped {server.name}")
            raise


def what_to_try(stack: dict[str, Any]) -> str:
    """What is printed when all is ready."""
    doctor = stack["doctors"][0]
    return f"""
Slotkeeper is up.

  the page       {stack["web_url"]}   book in a browser
  API reference  {stack["web_url"]}docs   with every call to try
  API            {stack["api_url"]}
  health         {stack["api_url"]}/health
  what to try    README.md, "Your first booking"; or watch it done: make demo
  all of it      {stack["stack_file"]}

  make -s token USER=alice ROLE=patient    a token        make -s inbox TO=+15550100    her SMS
  make logs FN=hold_slot                   a function's log                 make down   stop it

A doctor's free slots:

  curl -H "Authorization: Bearer $(make -s token USER=alice ROLE=patient)" \\
    "{stack["api_url"]}/doctors/{doctor}/slots?limit=3"
"""


def _up(config: Config, started: list[Server]) -> dict[str, Any]:
    # Another topology's data stays where it is; its servers have the ports.
    stop_stores(config, [other for other in TOPOLOGIES if other != config.topology])
    if config.payment == "none":
        stop(servers.payment_simulator(config).pid_file)
    all_servers = servers.everything(config)
    started.extend(server for server in all_servers if server.start())
    with ThreadPoolExecutor() as pool:
        built = pool.submit(deploy.build, config)
        for server in all_servers:
            server.wait_ready()
            say(f"{server.name} ready on {HOST}:{server.port}")
        provider = identity.ensure(config)
        with MongoClient[dict[str, Any]](config.mongo_uri) as client:
            database = client.get_default_database()
            create_indexes(database)
            added = clinic.ensure(database)
            say(f"indexes and demo clinic ready ({added} slots added)")
        fingerprint = built.result()
    outputs, was_deployed = deploy.deploy(config, provider, fingerprint)
    if was_deployed:
        _keep_emulator_state(config)
    stack = _stack(config, provider, outputs)
    _wait_healthy(stack["api_url"])
    Path(stack["stack_file"]).write_text(json.dumps(stack, indent=2) + "\n")
    return stack


def _keep_emulator_state(config: Config) -> None:
    # With the deployed stack on disk, the emulator comes back from a kill as it was.
    request = config.state / "emulator" / "state" / emulator_process.REQUEST
    request.touch()
    ends_at = time.monotonic() + SAVE_SECONDS
    while request.exists():
        if time.monotonic() > ends_at:
            raise LocalError("the emulator did not save its state")
        time.sleep(0.05)
    say("emulator state saved")


def _stack(config: Config, provider: identity.Identity, outputs: dict[str, str]) -> dict[str, Any]:
    api = outputs["ApiId"]
    return {
        "api_url": f"{config.aws_endpoint}/restapis/{api}/{ENVIRONMENT}/_user_request_",
        "web_url": config.web_url,
        "aws_endpoint": config.aws_endpoint,
        "region": REGION,
        "mongo_uri": config.mongo_uri,
        "redis_url": config.redis_url,
        "redis_mode": config.redis_mode,
        "redis_sentinel_master": SENTINEL_MASTER,
        "topology": config.topology,
        "environment": ENVIRONMENT,
        "stack_name": STACK,
        "runtime": config.runtime,
        "api_id": api,
        "notification_queue_url": outputs["NotificationQueueUrl"],
        "notification_dlq_url": outputs["NotificationDeadLetterQueueUrl"],
        "jwt_issuer": provider.issuer,
        "jwt_audience": provider.client_id,
        "jwks_url": provider.jwks_url,
        "functions": {
            folder.parent.name: f"{STACK}-{folder.parent.name.replace('_', '-')}"
            for folder in sorted((ROOT / "functions").glob("*/app.py"))
        },
        "rules": config.rules,
        "payment": config.payment,
        "stack_file": str(config.state / "stack.json"),
        "doctors": [doctor["_id"] for doctor in clinic.DOCTORS_OF_CLINIC],
    }


def _wait_healthy(api_url: str) -> None:
    try:
        with urllib.request.urlopen(f"{api_url}/health", timeout=HEALTH_SECONDS) as answer:
            json.load(answer)
    except OSError as error:
        told = error.read().decode() if isinstance(error, urllib.error.HTTPError) else error
        raise LocalError(f"the API does not answer as healthy: {told}") from error
    say("the API answers and is healthy")


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
