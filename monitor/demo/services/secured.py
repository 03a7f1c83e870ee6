"""A Kafka that lets nobody in without a certificate or a password, and nobody do anything without an ACL."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from monitor.demo.services.jars import kafka_libs
from monitor.demo.services.kafka import formatted, replication
from monitor.demo.services.process import ServiceMissingError, answers, free_port, running

#: Users and their passwords; what they may do is up to ACLs. `admin` is a listener of its own, without a password.
USERS = {"monitor": "monitor-secret", "nobody": "nobody-secret"}

_PROTOCOLS = {
    "ADMIN": "PLAINTEXT",
    "TLS": "SSL",
    "MTLS": "SSL",
    "SASLP": "SASL_PLAINTEXT",
    "SASLS": "SASL_SSL",
    "CONTROLLER": "PLAINTEXT",
}
_MODULES = "org.apache.kafka.common.security"


@dataclass(frozen=True, slots=True)
class Secured:
    """Bootstrap addresses by how one comes in, and what a client needs for it."""

    admin: str
    tls: str
    mtls: str
    sasl_plaintext: str
    sasl_ssl: str
    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def client_certificate(self) -> Path:
        return self.folder / "monitor.pem"

    @property
    def client_key(self) -> Path:
        return self.folder / "monitor.key"


@contextmanager
def secured_kafka() -> Iterator[Secured]:
    """One node; TLS, mutual TLS, SASL with PLAIN, SCRAM-SHA-256 and -512 and (unsigned) OAUTHBEARER."""
    libs = kafka_libs()
    if shutil.which("openssl") is None:
        raise ServiceMissingError("openssl is not installed: apt-get install openssl")
    ports = {listener: free_port() for listener in _PROTOCOLS}
    with tempfile.TemporaryDirectory(prefix="eda-kafka-") as name:
        folder = Path(name)
        certificates(folder)
        scram = [
            option
            for user, password in USERS.items()
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
            for option in ("--add-scram", f"{mechanism}=[name={user},password={password}]")
        ]
        command = formatted(libs, folder, _settings(ports, folder), *scram)
        with running(command, folder, lambda: answers(ports["ADMIN"])):
            at = {listener: f"127.0.0.1:{port}" for listener, port in ports.items()}
            yield Secured(at["ADMIN"], at["TLS"], at["MTLS"], at["SASLP"], at["SASLS"], folder)


def _settings(ports: dict[str, int], folder: Path) -> dict[str, object]:
    settings: dict[str, object] = {
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{ports['CONTROLLER']}",
        "listeners": ",".join(f"{listener}://127.0.0.1:{port}" for listener, port in ports.items()),
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in _PROTOCOLS.items()),
        "inter.broker.listener.name": "ADMIN",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": folder / "broker.keystore.pem",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": folder / "ca.pem",
        "listener.name.mtls.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
        **replication(1),
    }
    users = " ".join(f'user_{user}="{password}"' for user, password in USERS.items())
    modules = {
        "plain": f"{_MODULES}.plain.PlainLoginModule required {users};",
        "scram-sha-256": f"{_MODULES}.scram.ScramLoginModule required;",
        "scram-sha-512": f"{_MODULES}.scram.ScramLoginModule required;",
        "oauthbearer": f'{_MODULES}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="x";',
    }
    for listener in ("saslp", "sasls"):
        for mechanism, module in modules.items():
            settings[f"listener.name.{listener}.{mechanism}.sasl.jaas.config"] = module
    return settings


def certificates(folder: Path) -> None:
    """A certificate authority, and certificates of the broker and of the user `monitor`."""
    _openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
             "-days", "2", "-subj", "/CN=test authority")  # fmt: skip
    for name, subject in (("broker", "/CN=127.0.0.1"), ("monitor", "/CN=monitor")):
        _openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                 "-subj", subject)  # fmt: skip
        (folder / "san").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        _openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                 "-out", f"{name}.pem", "-days", "2", "-extfile", "san")  # fmt: skip
    keystore = folder / "broker.keystore.pem"
    keystore.write_text((folder / "broker.key").read_text() + (folder / "broker.pem").read_text())


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, timeout=60, check=True)
