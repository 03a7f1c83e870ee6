"""Real gunicorn, Celery and multiprocessing, whose workers are killed: after N events the totals are N, each once."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
APPS = Path(__file__).parent / "apps"
PATIENCE = 60.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def program(folder: Path, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python program that counts in the folder; ended with all its children."""
    told = {"EDA_HANDLERS_DIR": str(folder / "handlers"), "PYTHONPATH": f"{ROOT}{os.pathsep}{APPS}", **environment}
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            env=os.environ | told,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=15)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def eventually(what: Callable[[], object], folder: Path) -> None:
    """Wait until it is true; the end of the log is told where it never is."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        if time.monotonic() > deadline:
            pytest.fail((folder / "log").read_text()[-3000:])
        time.sleep(0.05)


class Page:
    """What a process tells about all of them."""

    def __init__(self, text: str) -> None:
        self.samples = [s for family in text_string_to_metric_families(text) for s in family.samples]

    def value(self, name: str, **labels: str) -> float:
        return sum(s.value for s in self.samples if s.name == f"eda_{name}" and labels.items() <= s.labels.items())

    def outcomes(self) -> dict[str, float]:
        names = ("ok", "failed", "retried", "dead_lettered", "dropped")
        return {name: self.value("handler_events_total", outcome=name) for name in names}


def page(url: str) -> Page:
    return Page(httpx.get(url, headers={"Eda-Bounds": "all"}, timeout=10).text)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=10).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("preload", [True, False])
def test_gunicorn_whose_workers_are_killed(tmp_path: Path, preload: bool) -> None:
    port, own_port = free_port(), free_port()
    url, own = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{own_port}/metrics"
    arguments = ["-m", "gunicorn", "web_shop:app", "-w", "3", "-b", f"127.0.0.1:{port}", *(["--preload"] * preload)]
    with program(tmp_path, *arguments, SERVE_PORT=str(own_port)):
        eventually(lambda: answers(f"{url}/metrics"), tmp_path)
        for round_ in range(3):
            many_events(url)
            kill_one_that_works(url, tmp_path / f"pid-{round_}", tmp_path)
        expected = {"ok": 3 * 46, "failed": 3 * 20, "retried": 3 * 10, "dead_lettered": 3 * 10, "dropped": 3 * 10}
        for told in (page(f"{url}/metrics"), page(f"{url}/metrics"), page(own)):
            assert told.outcomes() == expected
            assert told.value("handler_failures_total", reason="NoStockError") == 3 * 20
            assert told.value("handler_failures_total", reason="as told") == 3 * 30
            assert told.value("handler_duration_seconds_count") == 3 * 96
            assert told.value("handler_duration_seconds_bucket", le="0.181019336") == 3 * 90
            assert told.value("handler_duration_seconds_sum") == pytest.approx(3 * 6 * 0.25, rel=0.5)
            assert told.value("handler_in_progress") == 0
    assert len(list((tmp_path / "handlers").glob("*.live"))) <= 8


def many_events(url: str) -> None:
    """96 events by outcome, six of them slow."""
    kinds = ["ok"] * 40 + ["raised"] * 20 + ["retried"] * 10 + ["dead_lettered"] * 10 + ["dropped"] * 10
    requests = [f"{url}/?outcome={kind}" for kind in kinds] + [f"{url}/?outcome=ok&seconds=0.25"] * 6
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(answers, requests))


def kill_one_that_works(url: str, note: Path, folder: Path) -> None:
    """A worker dies in the middle of an event, which nobody counts then."""
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(answers, f"{url}/?outcome=ok&seconds=600&note={note}")
        eventually(lambda: note.exists() and note.read_text(), folder)
        assert page(f"{url}/metrics").value("handler_in_progress") == 1
        os.kill(int(note.read_text()), signal.SIGKILL)
        assert not hanging.result()


def test_celery_whose_worker_processes_are_killed(tmp_path: Path) -> None:
    own_port = free_port()
    url = f"http://127.0.0.1:{own_port}/metrics"
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    arguments = ["-m", "celery", "-A", "shop_tasks", "worker", "--concurrency=2", *quiet]
    with program(tmp_path, *arguments, SERVE_PORT=str(own_port), SHOP_FOLDER=str(tmp_path)):
        eventually(lambda: answers(url), tmp_path)
        for round_ in range(1, 3):
            send(tmp_path, ["ok"] * 20 + ["failed"] * 8 + ["retried"] * 6 + ["dropped"] * 4 + ["dead_lettered"] * 2)
            counted = {"ok": 26, "failed": 8, "retried": 6, "dropped": 4, "dead_lettered": 2}
            expected = {outcome: round_ * number for outcome, number in counted.items()}
            eventually(lambda expected=expected: page(url).outcomes() == expected, tmp_path)  # type: ignore[misc]
            send(tmp_path, ["hangs"])
            eventually(lambda: (tmp_path / "hangs").exists() and (tmp_path / "hangs").read_text(), tmp_path)
            assert page(url).value("handler_in_progress") == 1
            os.kill(int((tmp_path / "hangs").read_text()), signal.SIGKILL)
            (tmp_path / "hangs").unlink()
            eventually(lambda: page(url).value("handler_in_progress") == 0, tmp_path)
        told = page(url)
        assert told.outcomes() == expected
        assert told.value("handler_failures_total", reason="ConnectionError") == 12
        assert told.value("handler_failures_total", reason="ValueError") == 16
        assert told.value("handler_duration_seconds_count") == 92


def test_uvicorn_serves_the_page_alone(tmp_path: Path) -> None:
    port = free_port()
    with program(tmp_path, "-m", "uvicorn", "collectors.handlers:asgi_app", "--port", str(port)):
        eventually(lambda: answers(f"http://127.0.0.1:{port}/metrics"), tmp_path)
    log = (tmp_path / "log").read_text()
    assert "Application startup complete" in log
    assert "Traceback" not in log


def send(folder: Path, outcomes: list[str]) -> None:
    code = "import sys, shop_tasks\nfor outcome in sys.argv[1:]: shop_tasks.charge.delay(outcome)"
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{APPS}", "SHOP_FOLDER": str(folder)}
    subprocess.run([sys.executable, "-c", code, *outcomes], cwd=folder, env=environment, check=True)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_multiprocessing(tmp_path: Path, method: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "EDA_HANDLERS_DIR": str(tmp_path)}
    command = [sys.executable, str(APPS / "shop_jobs.py"), method]
    told = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    samples = json.loads(told.stdout)
    events = {
        labels["outcome"]: value
        for name, labels, value in samples
        if name == "eda_handler_events_total" and labels["handler"] == "shop_jobs.charge"
    }
    assert events == {"ok": 1 + 120 + 40, "failed": 60, "retried": 0, "dead_lettered": 0, "dropped": 0}
    assert sum(value for name, _, value in samples if name == "eda_handler_in_progress") == 0
