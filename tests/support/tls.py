"""Certificates of the tests' own, and TLS before servers that do not speak it."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local.config import HOST

_HANDSHAKE = b"\x16"


@dataclass(frozen=True)
class Certificates:
    """`server` (certificate and key) is signed by `ca`; `other_ca` signed nothing here."""

    ca: Path
    other_ca: Path
    server: Path


def make_certificates(home: Path) -> Certificates:
    ca_key, ca = _authority("tests")
    _, other = _authority("others")
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(HOST))]
    )
    server = _certificate("server", key, "tests", ca_key, names, is_ca=False)
    files = Certificates(home / "ca.pem", home / "other.pem", home / "server.pem")
    files.ca.write_bytes(_pem(ca))
    files.other_ca.write_bytes(_pem(other))
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    files.server.write_bytes(_pem(server) + secret)
    return files


def _authority(name: str) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    return key, _certificate(name, key, name, key, usage, is_ca=True)


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
    *,
    is_ca: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    issued_by = issuer_key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issued_by), critical=False
        )
        .add_extension(extension, critical=is_ca)
        .sign(issuer_key, hashes.SHA256())
    )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@dataclass
class Front:
    """A door before a server that knows no TLS: what comes encrypted is decrypted for it.

    What comes in clear goes through as it is: so the servers speak to each other.
    """

    context: ssl.SSLContext
    listener: socket.socket = field(default_factory=socket.socket)
    to_port: int = 0
    encrypted: int = 0
    """Connections that came encrypted."""
    _open: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.listener.bind((HOST, 0))
        self.listener.listen(64)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self._open.append(client)
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _connect(self, client: socket.socket) -> None:
        try:
            if client.recv(1, socket.MSG_PEEK) == _HANDSHAKE:
                client = self.context.wrap_socket(client, server_side=True)
                self._open.append(client)
                self.encrypted += 1
            server = socket.create_connection((HOST, self.to_port))
        except OSError:  # not a client of ours: it did not trust us, or the server is down
            client.close()
            return
        self._open.append(server)
        back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
        back.start()
        _pass_on(client, server)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError, ValueError):
        while data := source.recv(65_536):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def fronts(certificates: Certificates, names: list[str]) -> Iterator[dict[str, Front]]:
    """A door for each; where it leads is set by `to_port`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server)
    with ExitStack() as stack:
        made = {name: Front(context) for name in names}
        for front in made.values():
            stack.callback(front.close)
            threading.Thread(target=front.serve, daemon=True).start()
        yield made
