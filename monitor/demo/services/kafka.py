"""Kafka in KRaft mode: one node, or a cluster of which nodes can be killed, frozen and started again."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from monitor.demo.services.jars import kafka_libs
from monitor.demo.services.process import answers, free_port, running, started, wait

CLUSTER_ID = "ZWRhLW1vbml0b3ItZGVtbw"


@dataclass(frozen=True, slots=True)
class Kafka:
    """A running broker.

    It also listens on `relayed_port`, and tells clients that come there to go to `relay_port`: who listens on that
    one stands between them and the broker.
    """

    bootstrap: str
    libs: Path
    relayed_port: int = 0
    relay_port: int = 0

    def tool(self, main_class: str, *arguments: str) -> str:
        """Run a command-line tool of Kafka's own, and return what it prints."""
        command = ["java", "-cp", f"{self.libs}/*", main_class, "--bootstrap-server", self.bootstrap, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


@contextmanager
def kafka() -> Iterator[Kafka]:
    """One KRaft node, broker and controller in one."""
    libs = kafka_libs()
    port, controller, relayed, relay = (free_port() for _ in range(4))
    settings = {
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},RELAYED://127.0.0.1:{relayed},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port},RELAYED://127.0.0.1:{relay}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,RELAYED:PLAINTEXT,CONTROLLER:PLAINTEXT",
        **replication(1),
    }
    with tempfile.TemporaryDirectory(prefix="eda-kafka-") as name:
        command = formatted(libs, Path(name), settings)
        with running(command, Path(name), lambda: answers(port)):
            yield Kafka(f"127.0.0.1:{port}", libs, relayed, relay)


@dataclass(slots=True)
class Cluster:
    """Several brokers, by id."""

    libs: Path
    ports: dict[int, int]
    _commands: dict[int, list[str]]
    _folders: dict[int, Path]
    _stack: ExitStack
    _processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def bootstrap(self) -> str:
        return ",".join(f"127.0.0.1:{port}" for port in self.ports.values())

    def start(self, *nodes: int) -> None:
        """Start nodes together, for one alone may have no quorum, and wait until they answer."""
        for node in nodes:
            self._processes[node] = self._stack.enter_context(started(self._commands[node], self._folders[node]))
        for node in nodes:
            wait(self._processes[node], lambda port=self.ports[node]: answers(port), self._folders[node])  # type: ignore[misc]

    def kill(self, node: int) -> None:
        self._processes[node].kill()
        self._processes[node].wait()

    def freeze(self, node: int) -> None:
        """It goes on to hold its connections, and says nothing more."""
        self._processes[node].send_signal(signal.SIGSTOP)

    def thaw(self, node: int) -> None:
        self._processes[node].send_signal(signal.SIGCONT)


@contextmanager
def kafka_cluster(nodes: int = 3) -> Iterator[Cluster]:
    """So many nodes, each broker and controller; it lives on while most of them do."""
    libs = kafka_libs()
    ports = {node: free_port() for node in range(1, nodes + 1)}
    controllers = {node: free_port() for node in ports}
    voters = ",".join(f"{node}@127.0.0.1:{port}" for node, port in controllers.items())
    with tempfile.TemporaryDirectory(prefix="eda-kafka-") as name, ExitStack() as stack:
        folders = {node: Path(name) / str(node) for node in ports}
        commands = {}
        for node, folder in folders.items():
            folder.mkdir()
            settings = {
                "node.id": node,
                "controller.quorum.voters": voters,
                "listeners": f"PLAINTEXT://127.0.0.1:{ports[node]},CONTROLLER://127.0.0.1:{controllers[node]}",
                "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
                "controlled.shutdown.enable": "false",  # the last nodes would wait for a quorum
                **replication(nodes),
            }
            commands[node] = formatted(libs, folder, settings, heap="256m")
        cluster = Cluster(libs, ports, commands, folders, stack)
        cluster.start(*ports)
        yield cluster


def replication(factor: int) -> dict[str, object]:
    """Internal topics with so many replicas, few partitions, and no wait before a group's first rebalance."""
    return {
        "num.partitions": 3,
        "offsets.topic.replication.factor": factor,
        "offsets.topic.num.partitions": 6,
        "transaction.state.log.replication.factor": factor,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": factor,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
    }


def formatted(
    libs: Path, folder: Path, settings: Mapping[str, object], *format_options: str, heap: str = "512m"
) -> list[str]:
    """Write a node's configuration and format its disk; returns the command that starts it."""
    everything = {
        "process.roles": "broker,controller",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": folder / "data",
        **settings,
    }
    properties = folder / "server.properties"
    properties.write_text("".join(f"{key}={value}\n" for key, value in everything.items()))
    java = ["java", f"-Xmx{heap}", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{libs}/*"]
    format_ = ["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID, "-c", str(properties), *format_options]
    subprocess.run([*java, *format_], capture_output=True, timeout=60, check=True)
    return [*java, "kafka.Kafka", str(properties)]
