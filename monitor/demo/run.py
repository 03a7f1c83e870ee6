"""`eda-monitor demo`: real brokers and simulated clouds whose traffic goes wrong, watched by `eda-monitor up`.

The agent runs as a process of its own, by the configuration that a user would write; what it sends
is received here and printed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.markup import escape

from monitor.demo import services, systems
from monitor.demo.receiver import receiver
from monitor.ending import Ending

out = systems.out

CONFIG = """\
{targets}
[[receivers]]
name = "demo"
kind = "webhook"
url = "{webhook}"
[exporter]
listen = "127.0.0.1:{metrics_port}"
[console]
listen = "127.0.0.1:{console_port}"
"""


def run_demo(seconds: float | None = None) -> None:
    """Run until Ctrl-C, or for so many seconds. Nothing is left behind."""
    ending, stop = Ending(), threading.Event()
    try:
        with tempfile.TemporaryDirectory(prefix="eda-demo-") as folder, everything(Path(folder), stop) as watcher:
            _wait(ending, watcher, seconds)
    except services.ServiceMissingError as missing:
        out.print(f"[red]{escape(str(missing))}[/]", soft_wrap=True)
        out.print("Without a broker this is a rehearsal: the agent and the console are real, the figures are made up.")
        with tempfile.TemporaryDirectory(prefix="eda-demo-") as folder, _rehearsal(Path(folder)) as watcher:
            _wait(ending, watcher, seconds)
    except services.ServiceFailedError as failed:
        out.print(f"[red]{escape(str(failed))}[/]", soft_wrap=True)
        raise SystemExit(1) from None
    out.print("The demo has ended; nothing is left behind.")


@contextmanager
def everything(folder: Path, stop: threading.Event) -> Iterator[subprocess.Popen[bytes]]:
    """Brokers, their traffic, the receiver of alerts and the monitor: started in this order, stopped in reverse."""
    with ExitStack() as stack:
        urls: list[str] = []
        targets = [systems.kafka(stack, stop, folder, urls)]
        with systems.told():
            targets.append(systems.rabbitmq(stack, stop, folder, urls))
        targets.append(systems.event_grid(stack, stop))
        with systems.told():
            targets.append(systems.aws(stack, stop))
        targets.append(systems.HANDLERS.format(urls=json.dumps(urls)))
        webhook = stack.enter_context(receiver(out))
        watcher = _started(["-m", "monitor", "up", "--config", str(_configured(folder, "".join(targets), webhook))])
        try:
            yield watcher
        finally:
            stop.set()
            watcher.terminate()
            watcher.wait(10)


@contextmanager
def _rehearsal(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The monitor over a target that makes up its figures."""
    with receiver(out) as webhook:
        file = _configured(folder, "", webhook)
        watcher = _started(["-m", "monitor.demo.rehearsal", str(file)])
        try:
            yield watcher
        finally:
            watcher.terminate()
            watcher.wait(10)


def _configured(folder: Path, targets: str, webhook: str) -> Path:
    """The configuration that a user would write."""
    file = folder / "eda-monitor.toml"
    file.write_text(CONFIG.format(targets=targets, webhook=webhook, metrics_port=_port(9464), console_port=_port(8501)))
    return file


def _started(arguments: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, *arguments], env=os.environ | services.CREDENTIALS, start_new_session=True)


def _port(wanted: int) -> int:
    """The usual port where it is free, else any."""
    try:
        return services.free_port(wanted)
    except OSError:
        return services.free_port()


def _wait(ending: Ending, watcher: subprocess.Popen[bytes], seconds: float | None) -> None:
    story = "Traffic runs: in two minutes a handler gets slow, a consumer stops, dead letters grow, and some are lost."
    out.print(story, soft_wrap=True)
    out.print("[bold]Ctrl-C ends the demo.[/]")
    end = None if seconds is None else time.monotonic() + seconds
    while not ending.wait(0.2) and (end is None or time.monotonic() < end):
        if watcher.poll() is not None:
            out.print(f"[red]The monitor ended with code {watcher.returncode}.[/]")
            raise SystemExit(1)
