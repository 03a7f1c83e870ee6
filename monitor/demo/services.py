"""The launcher: starts real services, each in a folder of its own on free loopback ports, and stops them for certain.

Nothing else starts a broker: demo, tests and benchmarks all come here.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

KAFKA_VERSION = "4.3.1"
START_SECONDS = 60.0
STOP_SECONDS = 10.0
PR_SET_PDEATHSIG = 1


class ServiceMissingError(Exception):
    """A service is not to be had on this machine; the message says what would bring it."""


class ServiceFailedError(Exception):
    """A service did not start; the message holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Kafka:
    """A running broker."""

    bootstrap: str
    libs: Path

    def tool(self, main_class: str, *arguments: str) -> str:
        """Run a command-line tool of Kafka's own, and return what it prints."""
        command = ["java", "-cp", f"{self.libs}/*", main_class, "--bootstrap-server", self.bootstrap, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def free_port(wanted: int = 0) -> int:
    """A free loopback port: the wanted one, or any. Raises OSError when the wanted one is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", wanted))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def kafka() -> Iterator[Kafka]:
    """One KRaft node, broker and controller in one."""
    libs = kafka_libs()
    port, controller = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="eda-kafka-") as name:
        folder = Path(name)
        properties = folder / "server.properties"
        properties.write_text(_properties(port, controller, folder / "data"))
        java = ["java", "-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{libs}/*"]
        format_ = ["kafka.tools.StorageTool", "format", "--cluster-id", "ZWRhLW1vbml0b3ItZGVtbw", "-c", str(properties)]
        subprocess.run([*java, *format_], capture_output=True, timeout=60, check=True)
        with _running([*java, "kafka.Kafka", str(properties)], folder, lambda: _answers(port)):
            yield Kafka(f"127.0.0.1:{port}", libs)


@contextmanager
def prometheus(config: str) -> Iterator[str]:
    """A Prometheus with this configuration; yields its URL."""
    program = shutil.which("prometheus")
    if program is None:
        raise ServiceMissingError("Prometheus is not installed: apt-get install prometheus")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="eda-prometheus-") as name:
        folder = Path(name)
        (folder / "prometheus.yml").write_text(config)
        url = f"http://127.0.0.1:{port}"
        command = [
            program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ]  # fmt: skip
        with _running(command, folder, lambda: _is_ready(f"{url}/-/ready")):
            yield url


def kafka_libs() -> Path:
    """The folder of Kafka's jars: of `KAFKA_HOME`, or fetched once by Maven into the user's cache."""
    if shutil.which("java") is None:
        raise ServiceMissingError(
            "Java is not installed, and Kafka needs it: apt-get install openjdk-17-jre-headless maven"
        )
    if "KAFKA_HOME" in os.environ:
        return Path(os.environ["KAFKA_HOME"]) / "libs"
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "eda-monitor"
    libs = base / f"kafka-{KAFKA_VERSION}"
    if not libs.is_dir():
        _fetch_jars(base, libs)
    return libs


def _fetch_jars(base: Path, libs: Path) -> None:
    if shutil.which("mvn") is None:
        raise ServiceMissingError("Maven is not installed, and KAFKA_HOME is not set: apt-get install maven")
    base.mkdir(parents=True, exist_ok=True)
    pom = Path(__file__).with_name("kafka_pom.xml")
    with tempfile.TemporaryDirectory(dir=base) as name:
        command = ["mvn", "-q", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={name}/libs"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ServiceMissingError(f"Kafka's jars could not be fetched by Maven: {done.stdout.strip()[-300:]}")
        if not libs.is_dir():
            Path(name, "libs").rename(libs)


def _properties(port: int, controller: int, data: Path) -> str:
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": data,
        "num.partitions": 3,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 5,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


@contextmanager
def _running(command: list[str], folder: Path, answers: Callable[[], bool]) -> Iterator[None]:
    """A process that has answered; it ends with this block, and with this process however that ends."""
    log = folder / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command, cwd=folder, stdout=sink, stderr=sink, start_new_session=True, preexec_fn=_die_with_parent
        )
        try:
            _wait(process, answers, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], answers: Callable[[], bool], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while not answers():
        if process.poll() is not None or time.monotonic() > end:
            raise ServiceFailedError(f"{process.args!r} did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)


def _die_with_parent() -> None:
    """Ask Linux to kill this process when its parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.TransportError:
        return False
