"""Where it is measured: servers of its own, a clinic in them, the layers as they are deployed."""

from __future__ import annotations

import itertools
import json
import os
import secrets
import shutil
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pymongo.database import Database
from redis import Redis

from local import deploy, servers
from local.config import ADMIN, HOST, REGION, ROOT, TOOLS, Config
from local.down import down
from local.processes import is_taken
from local.progress import LocalError
from slotkeeper.adapters.mongo.client import connect
from slotkeeper.adapters.mongo.documents import (
    DOCTORS,
    SLOTS,
    USERS,
    doctor_document,
    phone_quota_id,
    slot_document,
)
from slotkeeper.adapters.mongo.indexes import create_indexes
from slotkeeper.adapters.redis.client import connect as connect_redis
from slotkeeper.domain.doctor import Doctor
from slotkeeper.domain.slot import Slot, SlotStatus, slot_id

PYTHON = sys.executable
"""Of the runtime's version: functions are measured on what the layers are compiled for."""
HERE = Path(__file__).parent
FUNCTIONS = tuple(sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py")))
LAYERS = {"CommonLayer": "common", "AuthLayer": "auth", "WebLayer": "web"}
RUNTIME_CLIENT = ("awslambdaric", "simplejson", "snapshot_restore_py", "runtime_client")
"""What Lambda's runtime has on its path besides the standard library."""
FIRST_PORT, LAST_PORT, BLOCK = 15_100, 25_000, 40
DATABASE = "bench"
LENGTH = timedelta(minutes=30)
KEYS = json.dumps({"k1": "the key of a measurement, which is no secret"})
"""What the secret of one-time codes holds, where functions are measured."""


@dataclass(slots=True)
class Ground:
    """Stores that run, and a clinic of doctors, patients and slots in them."""

    config: Config
    opt: Path
    """The layers and functions, unpacked from what is deployed: each a folder."""
    database: Database[dict[str, Any]]
    redis: Redis
    doctor: str = ""
    _starts: Iterator[datetime] = field(default_factory=lambda: iter(()))

    def environ(self, **more: str) -> dict[str, str]:
        """A function's environment: what the template gives it, with the limits out of the way."""
        return {
            "ENVIRONMENT": "local",
            "MONGO_URI": self.mongo_uri(DATABASE),
            "REDIS_URL": self.config.redis_url,
            "REQUIRE_TLS": "false",
            "OTP_RESEND_WAIT_SECONDS": "0",
            "OTP_DAILY_PER_USER": "1000",
            "OTP_DAILY_PER_PHONE": "1000",
            "METRICS_COMMAND_SHARE": "0.1",
            "POWERTOOLS_LOG_LEVEL": "INFO",
            "POWERTOOLS_METRICS_NAMESPACE": "Slotkeeper/bench",
            "PYDANTIC_DISABLE_PLUGINS": "true",
            "NOTIFICATION_QUEUE_URL": f"http://{HOST}:9/000000000000/notifications",
            "RELAY_FUNCTION_NAME": "relay",
            "OTP_SECRET_ID": "otp-keys",
            "JWT_ISSUER": "https://issuer.example",
            "JWT_AUDIENCE": "slotkeeper",
            "EMAIL_FROM": "no-reply@slotkeeper.example",
            "AWS_REGION": REGION,
            **ADMIN,
            "AWS_LAMBDA_FUNCTION_NAME": "bench",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{self.config.runtime}",
            "LAMBDA_TASK_ROOT": "/var/task",
            "TZ": ":UTC",
            **more,
        }

    def mongo_uri(self, database: str) -> str:
        return self.config.mongo_uri.replace("/slotkeeper?", f"/{database}?")

    @property
    def layer(self) -> str:
        """The common layer's modules."""
        return str(self.opt / "CommonLayer" / "python")

    @property
    def runtime_client(self) -> str:
        """The modules of Lambda's runtime client, and no others."""
        return str(self.opt / "runtime")

    def paths(self, function: str) -> list[str]:
        """Where a function's modules are, as Lambda has them: its own folder, its layers."""
        own = {"authorize": ["AuthLayer"], "web": ["WebLayer"]}
        layers = ["CommonLayer", *own.get(function, [])]
        return [
            str(self.opt / "functions" / function),
            *(str(self.opt / layer / "python") for layer in layers),
        ]

    def clinic(self) -> None:
        """A doctor in an empty database, with the product's indexes."""
        self.database.client.drop_database(DATABASE)
        self.redis.flushdb()
        create_indexes(self.database)
        self.doctor = f"dr-{secrets.token_hex(4)}"
        self.database[DOCTORS].insert_one(a_doctor(self.doctor))
        first = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=2)
        self._starts = (first + n * LENGTH for n in itertools.count())

    def slots(self, count: int) -> list[str]:
        """So many free slots of the doctor that nobody has seen."""
        made = [a_slot(self.doctor, next(self._starts)) for _ in range(count)]
        self.database[SLOTS].insert_many(made)
        return [slot["_id"] for slot in made]

    def patients(self, count: int) -> list[str]:
        """So many people who have never done anything."""
        made = [a_patient(secrets.token_hex(16)) for _ in range(count)]
        self.database[USERS].insert_many(made)
        return [patient["_id"] for patient in made]


def a_doctor(doctor_id: str) -> dict[str, Any]:
    return doctor_document(
        Doctor(
            id=doctor_id,
            clinic_id="clinic",
            name=f"Dr. {doctor_id}",
            specialty="general practice",
            time_zone="Europe/Berlin",
            consultation_fee=None,
            version=1,
        )
    )


def a_slot(doctor_id: str, start: datetime) -> dict[str, Any]:
    return slot_document(
        Slot(
            id=slot_id(doctor_id, start),
            doctor_id=doctor_id,
            date=start.date().isoformat(),
            start_time=start,
            end_time=start + LENGTH,
            status=SlotStatus.ACTIVE,
            version=1,
        )
    )


def a_patient(user_id: str) -> dict[str, Any]:
    phone = f"+1555{secrets.randbelow(10**7):07}"
    return {
        "_id": user_id,
        "phone": phone,
        "phoneKey": phone_quota_id(phone),
        "email": "p@example.com",
    }


@contextmanager
def ground(name: str = "bench") -> Iterator[Ground]:
    """Servers under `.local/<name>`, ended afterwards; the layers, built where sources changed.

    Raises:
        LocalError: another run has its servers there.
    """
    config = _config(name)
    down(config)
    for left in config.state.glob("*/data"):
        shutil.rmtree(left, ignore_errors=True)
    config.state.mkdir(parents=True, exist_ok=True)
    # One build for all who measure.
    built = replace(config, state=TOOLS / "bench")
    built.state.mkdir(parents=True, exist_ok=True)
    deploy.build(built)
    opt = _unpacked(built.state / "build", config.state / "opt")
    started = servers.stores(config)
    try:
        for server in started:
            server.start()
        for server in started:
            server.wait_ready()
        made = Ground(
            config,
            opt,
            connect(config.mongo_uri.replace("/slotkeeper?", f"/{DATABASE}?")),
            connect_redis(config.redis_url),
        )
        made.clinic()
        try:
            yield made
        finally:
            made.database.client.close()
            made.redis.close()
    finally:
        down(config)
        for left in config.state.glob("*/data"):
            shutil.rmtree(left, ignore_errors=True)


def free_block() -> int:
    """The first of `BLOCK` ports in a row that nobody listens on. Raises LocalError."""
    for first in range(FIRST_PORT, LAST_PORT, BLOCK):
        if not any(is_taken(first + n) for n in range(BLOCK)):
            return first
    raise LocalError(f"no {BLOCK} free ports in a row")


def _config(name: str) -> Config:
    first = free_block()
    return Config(
        state=TOOLS / name,
        api_port=first,
        payment_port=first + 5,
        mongo_port=first + 10,
        redis_port=first + 20,
        rules={},
        mongo_test_commands=False,
    )


def _unpacked(build: Path, opt: Path) -> Path:
    """What is deployed, laid out as Lambda does: from the very archives, so with new times."""
    shutil.rmtree(opt, ignore_errors=True)
    for layer in LAYERS:
        with zipfile.ZipFile(build / f"{layer}.zip") as archive:
            archive.extractall(opt / layer)
    for function in FUNCTIONS:
        folder = f"{function.title().replace('_', '')}Function"
        shutil.copytree(build / folder, opt / "functions" / function, copy_function=shutil.copy)
    runtime = opt / "runtime"
    runtime.mkdir()
    for path in _site_packages().iterdir():
        if path.name.partition(".")[0] in RUNTIME_CLIENT:
            (runtime / path.name).symlink_to(path)
    return opt


def _site_packages() -> Path:
    import awslambdaric

    assert awslambdaric.__file__
    return Path(os.path.realpath(awslambdaric.__file__)).parent.parent
