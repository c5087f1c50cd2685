"""A mongod that wants TLS and a password."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from local.config import HOST
from local.mongo_servers import mongods
from tests.support import servers
from tests.support.nodes import running
from tests.support.tls import Certificates, make_certificates

USER, PASSWORD = "slotkeeper", "a p@ss/word"


@dataclass(frozen=True)
class Secured:
    port: int
    certificates: Certificates

    def uri(
        self,
        *,
        user: str = USER,
        password: str = PASSWORD,
        database: str = "slotkeeper",
        ca: Path | None = None,
    ) -> str:
        known = f"{user}:{quote_plus(password)}@{HOST}:{self.port}"
        how = f"replicaSet=rs0&authSource=admin&tls=true&tlsCAFile={ca or self.certificates.ca}"
        return f"mongodb://{known}/{database}?{how}"


@contextmanager
def secured_mongod(home: Path) -> Iterator[Secured]:
    certificates = make_certificates(home)
    key = home / "set.key"
    key.write_text(secrets.token_hex(32))
    key.chmod(0o600)
    config = servers.free_ports(
        replace(servers.config("ha"), state=home / "state", topology="single")
    )
    [plain] = mongods(config)
    options = [
        *("--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(certificates.server)),
        *("--tlsCAFile", str(certificates.ca), "--tlsAllowConnectionsWithoutCertificates"),
        *("--auth", "--keyFile", str(key)),
    ]
    uri = (
        f"mongodb://{HOST}:{plain.port}/?directConnection=true&tls=true&tlsCAFile={certificates.ca}"
    )

    def is_ready() -> bool:
        """A primary with our user, whom only this machine may make, and only the first."""
        with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=300) as client:
            try:
                if not client.admin.command("hello").get("isWritablePrimary"):
                    member = {"_id": 0, "host": f"{HOST}:{plain.port}"}
                    client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
                    return False
                roles = ["readWriteAnyDatabase", "dbAdminAnyDatabase", "userAdminAnyDatabase"]
                client.admin.command("createUser", USER, pwd=PASSWORD, roles=roles)
            except PyMongoError:
                return False
            return True

    node = replace(plain, argv=[*plain.argv, *options], is_ready=is_ready)
    with running(config, [node]):
        yield Secured(plain.port, certificates)
