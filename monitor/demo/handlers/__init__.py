"""Three services whose handlers are watched: one line of ours, FastStream on Kafka, Celery on RabbitMQ."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.demo.services import ServiceMissingError, free_port
from monitor.demo.services.process import answers, started, wait

#: The variable in which they are told their broker: a URL may hold a password, and arguments are seen by everybody.
BROKER = "EDA_DEMO_BROKER"
#: What `eda-monitor` itself does not bring.
_NEEDS = {"invoices": "faststream", "celery_metrics": "celery", "thumbnails": "celery"}


@contextmanager
def service(name: str, broker: str, folder: Path, address: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """A service of this package as a process; yields the URL of its metrics, on a free port where none is given.

    Raises ServiceMissingError.
    """
    _must_have(name)
    port = port or free_port()
    home = _home(folder, name)
    command = [sys.executable, "-m", f"{__name__}.{name}", address, str(port)]
    with started(command, home, _told(broker)) as process:
        wait(process, lambda: answers(port), home)
        yield f"http://127.0.0.1:{port}/metrics"


@contextmanager
def celery_worker(broker: str, folder: Path) -> Iterator[None]:
    """Celery's own worker over the tasks of `thumbnails`, prefork."""
    _must_have("thumbnails")
    command = [sys.executable, "-m", "celery", "--app", f"{__name__}.thumbnails", "worker", "--concurrency", "2"]
    home = _home(folder, "thumbnails")
    with started([*command, "--task-events", "--without-gossip", "--without-mingle"], home, _told(broker)):
        yield


def _told(broker: str) -> dict[str, str]:
    return {**os.environ, BROKER: broker}


def _must_have(name: str) -> None:
    module = _NEEDS.get(name)
    if module is not None and importlib.util.find_spec(module) is None:
        raise ServiceMissingError(f"{module} is not installed: pip install 'eda-monitor[demo]'")


def _home(folder: Path, name: str) -> Path:
    home = folder / name
    home.mkdir()
    return home
