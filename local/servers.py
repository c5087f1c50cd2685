"""The servers of a local system: the stores of its topology and the AWS emulator."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import urllib.error
import urllib.request
from pathlib import Path

from local.config import ADMIN, HOST, REGION, ROOT, TOOLS, Config
from local.mongo_servers import mongods
from local.processes import Server
from local.redis_servers import redis_servers

EMULATOR = ROOT / "local" / "emulator_process.py"
_OF_THIS_CHECKOUT = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers" / "common")])}


def stores(config: Config) -> list[Server]:
    """MongoDB and Valkey, as many of each as the topology has."""
    return [*mongods(config), *redis_servers(config)]


def everything(config: Config) -> list[Server]:
    """The stores, the emulator, the page's front and, for doctors' fees, the payment simulator."""
    paying = [payment_simulator(config)] if config.payment == "simulator" else []
    return [*stores(config), emulator(config), front(config), *paying]


def named(config: Config, name: str) -> Server:
    """The one server of that name: `mongod`, `valkey-1`, `sentinel-2`, `emulator`..."""
    [found] = [server for server in everything(config) if server.name == name]
    return found


def emulator(config: Config) -> Server:
    home = config.state / "emulator"
    for folder in ("s3", "state"):
        (home / folder).mkdir(parents=True, exist_ok=True)

    def prepare() -> None:
        forget_code(config)
        follow_port(home / "state", config.api_port)

    return Server(
        name="emulator",
        argv=[
            str(TOOLS / "venvs" / "emulator" / "bin" / "python"),
            str(EMULATOR),
        ],
        port=config.api_port,
        port_setting="API_PORT",
        home=home,
        prepare=prepare,
        is_ready=lambda: _answers(f"{config.aws_endpoint}/_ministack/ready"),
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


def forget_code(config: Config) -> None:
    """Remove the copies of the functions and layers, 80 MB a process, that a run leaves behind."""
    tmp = config.state / "emulator" / "tmp"
    shutil.rmtree(tmp, ignore_errors=True)
    tmp.mkdir(parents=True, exist_ok=True)


def follow_port(state: Path, port: int) -> None:
    """Have what was made at another port found at this one: queues are known by their URLs."""
    for file in state.glob("*.json"):
        kept = file.read_text()
        moved = re.sub(r"//localhost:\d+/", f"//localhost:{port}/", kept)
        if moved != kept:
            file.write_text(moved)


def front(config: Config) -> Server:
    ports = {"web": config.web_port, "api": config.api_port, "mongo": config.mongo_port}
    return Server(
        name="front",
        argv=[
            *(sys.executable, "-m", "local.front"),
            *("--state", str(config.state), "--topology", config.topology),
            *(part for name, port in ports.items() for part in (f"--{name}-port", str(port))),
        ],
        port=config.web_port,
        port_setting="WEB_PORT",
        home=config.state / "front",
        is_ready=lambda: _answers(f"{config.web_url}_local/ready"),
        made_from=_made_of("front.py", "identity.py", "inbox.py"),
        env=_OF_THIS_CHECKOUT,
    )


def payment_simulator(config: Config) -> Server:
    home = config.state / "payment-simulator"
    return Server(
        name="payment-simulator",
        argv=[
            *(sys.executable, "-m", "local.payment_simulator"),
            *("--port", str(config.payment_port), "--state", str(home / "payments.json")),
        ],
        port=config.payment_port,
        port_setting="PAYMENT_PORT",
        home=home,
        is_ready=lambda: _answers(f"http://{HOST}:{config.payment_port}/_simulator/payments"),
        made_from=_made_of("payment_simulator.py", "simulated_payments.py"),
        env=_OF_THIS_CHECKOUT,
    )


def _made_of(*names: str) -> str:
    sources = [ROOT / "local" / name for name in names]
    return " ".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in sources)


def _source_of_emulator() -> str:
    pins = (TOOLS / "venvs" / "emulator" / "made-from").read_text()
    return pins + hashlib.sha256(EMULATOR.read_bytes()).hexdigest()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
