"""RabbitMQ, from the Debian package or `RABBITMQ_HOME`: nodes of our own, with folders and a cookie of their own."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from monitor.demo.services.process import ServiceMissingError, answers, free_port, is_ready, started, wait

#: Everybody's user and password on a new broker; it may come from this machine only.
ADMIN = ("guest", "guest")
#: The agent's user: the tag `monitoring`, and a permission that permits nothing.
MONITOR = ("monitor", "monitor-secret")
_PLUGINS = "[rabbitmq_management,rabbitmq_prometheus,rabbitmq_stream,rabbitmq_stream_management]."
_PORTS = ("amqp", "http", "https", "prometheus", "stream", "dist")


@dataclass(slots=True)
class Node:
    """One node. It can be killed, and started again over what it had written."""

    name: str
    folder: Path
    ports: Mapping[str, int]
    _home: Path
    _environment: Mapping[str, str]
    _stack: ExitStack
    _process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['http']}"

    @property
    def amqp_port(self) -> int:
        return self.ports["amqp"]

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        command = [str(self._home / "sbin" / "rabbitmq-server")]
        self._process = self._stack.enter_context(started(command, self.folder, self._environment))
        wait(self._process, self._is_ready, self.folder)

    def _is_ready(self) -> bool:
        """The management API may answer before the broker takes connections."""
        return is_ready(f"{self.url}/api/overview", ADMIN) and answers(self.amqp_port)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def ctl(self, *arguments: str) -> str:
        """Run `rabbitmqctl`, and return what it prints."""
        command = [str(self._home / "sbin" / "rabbitmqctl"), "--quiet", *arguments]
        return subprocess.run(
            command, env=dict(self._environment), capture_output=True, text=True, timeout=60, check=True
        ).stdout

    def api(self, method: str, path: str, **body: Any) -> Any:
        """Ask the management API as an administrator; `path` is what stands behind `/api`."""
        answer = httpx.request(method, f"{self.url}/api{path}", auth=ADMIN, json=body or None, timeout=30)
        answer.raise_for_status()
        return answer.json() if answer.content else None


@contextmanager
def rabbitmq(settings: Mapping[str, object] | None = None, certificates: Path | None = None) -> Iterator[Node]:
    """One node, with the agent's user. `certificates` is a folder of ca.pem, broker.pem and broker.key, for TLS."""
    with rabbitmq_cluster(1, settings, certificates) as (node,):
        yield node


@contextmanager
def rabbitmq_cluster(
    count: int, settings: Mapping[str, object] | None = None, certificates: Path | None = None
) -> Iterator[list[Node]]:
    """So many nodes that are one broker."""
    home, epmd = _home(), shutil.which("epmd")
    if epmd is None:
        raise ServiceMissingError("Erlang's epmd is not installed: apt-get install erlang-base")
    with tempfile.TemporaryDirectory(prefix="eda-rabbitmq-") as name, ExitStack() as stack:
        base, epmd_port = Path(name), free_port()
        _write_cookie(base)
        mapper = stack.enter_context(started([epmd, "-port", str(epmd_port), "-address", "127.0.0.1"], base))
        wait(mapper, lambda: answers(epmd_port), base)
        names = [f"eda{number}@localhost" for number in range(1, count + 1)]
        nodes = []
        for one in names:
            node = _node(one, names, base, home, epmd_port, stack, settings or {}, certificates)
            node.start()
            nodes.append(node)
        _add_monitor(nodes[0])
        yield nodes


def _home() -> Path:
    if "RABBITMQ_HOME" in os.environ:
        return Path(os.environ["RABBITMQ_HOME"])
    installed = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*"))
    if not installed:
        raise ServiceMissingError("RabbitMQ is not installed: apt-get install rabbitmq-server")
    return installed[-1]


def _write_cookie(base: Path) -> None:
    cookie = base / ".erlang.cookie"
    cookie.write_text(secrets.token_hex(16))
    cookie.chmod(0o400)


def _node(
    name: str,
    names: list[str],
    base: Path,
    home: Path,
    epmd_port: int,
    stack: ExitStack,
    settings: Mapping[str, object],
    certificates: Path | None,
) -> Node:
    folder = base / name.partition("@")[0]
    folder.mkdir()
    ports = {service: free_port() for service in _PORTS}
    lines: dict[str, object] = {
        "listeners.tcp.1": f"127.0.0.1:{ports['amqp']}",
        "management.tcp.ip": "127.0.0.1",
        "management.tcp.port": ports["http"],
        "prometheus.tcp.ip": "127.0.0.1",
        "prometheus.tcp.port": ports["prometheus"],
        "stream.listeners.tcp.1": f"127.0.0.1:{ports['stream']}",
        "stream.advertised_host": "127.0.0.1",
        "stream.advertised_port": ports["stream"],
        "log.console": "true",
        "log.file": "false",
        "disk_free_limit.absolute": "50MB",
        "cluster_formation.peer_discovery_backend": "classic_config",
        **{f"cluster_formation.classic_config.nodes.{number}": one for number, one in enumerate(names, 1)},
        **settings,
    }
    if certificates is not None:
        lines |= {
            "management.ssl.ip": "127.0.0.1",
            "management.ssl.port": ports["https"],
            "management.ssl.cacertfile": certificates / "ca.pem",
            "management.ssl.certfile": certificates / "broker.pem",
            "management.ssl.keyfile": certificates / "broker.key",
        }
    (folder / "rabbitmq.conf").write_text("".join(f"{key} = {value}\n" for key, value in lines.items()))
    (folder / "enabled_plugins").write_text(_PLUGINS)
    environment = {
        **os.environ,
        "HOME": str(base),
        "RABBITMQ_NODENAME": name,
        "ERL_EPMD_PORT": str(epmd_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_DIST_PORT": str(ports["dist"]),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "logs"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RUNNING_UNDER_SYSTEMD": "true",  # without it a shell stands between us and the node
    }
    return Node(name, folder, ports, home, environment, stack)


def _add_monitor(node: Node) -> None:
    user, password = MONITOR
    node.api("PUT", f"/users/{user}", password=password, tags="monitoring")
    permit_nothing(node, "%2F")


def permit_nothing(node: Node, vhost: str) -> None:
    """Give the agent's user the permission that it needs to see a virtual host: one that permits nothing."""
    node.api("PUT", f"/permissions/{vhost}/{MONITOR[0]}", configure="^$", write="^$", read="^$")
