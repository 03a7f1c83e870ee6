"""`eda-monitor demo`: a real Kafka, a real RabbitMQ and a simulated Event Grid whose traffic goes wrong, watched by
`eda-monitor up`.

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
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from monitor.demo import handlers, services
from monitor.demo.receiver import receiver
from monitor.demo.traffic.aws import run_aws
from monitor.demo.traffic.blobs import CONTAINER, run_blobs
from monitor.demo.traffic.event_grid import run_event_grid
from monitor.demo.traffic.eventbridge import run_eventbridge
from monitor.demo.traffic.kafka import create_topics, run_kafka
from monitor.demo.traffic.rabbitmq import run_rabbitmq
from monitor.ending import Ending

out = Console()

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

KAFKA = """\
[[targets]]
name = "kafka"
kind = "kafka"
bootstrap_servers = ["{bootstrap}"]
interval = "5s"
topics = {{ exclude = ["__.*"] }}
"""

RABBITMQ = """\
[[targets]]
name = "rabbitmq"
kind = "rabbitmq"
url = "{url}"
username = "{user}"
password = "{password}"
interval = "5s"
queues = {{ exclude = ["celery.*"] }}
"""

HANDLERS = """\
[[targets]]
name = "handlers"
kind = "handlers"
urls = {urls}
interval = "5s"
[targets.groups]
invoices = "invoice-service"
"""


EVENT_GRID = """\
[[targets]]
name = "azure-simulated"
kind = "eventgrid"
subscription_id = "{subscription}"
interval = "5s"
[targets.endpoints]
management = "{url}"
metrics = "{url}"
"""

#: CloudWatch's metrics are asked for as often as the rest: here they cost nothing. moto has no percentiles.
EVENTBRIDGE = """\
[[targets]]
name = "aws-events-simulated"
kind = "eventbridge"
region = "{region}"
endpoint_url = "{url}"
interval = "5s"
metrics_interval = "15s"
quiet_metrics_interval = "15s"
metrics_budget = 100000
latency_p99 = false
"""

BLOBS = """\
[targets.dead_letter_reads]
interval = "5s"
[[targets.dead_letter_containers]]
container = "{container}"
connection_string = "{connection}"
"""


SQS = """\
[[targets]]
name = "aws-simulated"
kind = "sqs"
region = "{region}"
endpoint_url = "{url}"
interval = "5s"
metrics_interval = "10s"
quiet_metrics_interval = "10s"
metrics_budget = 100000
move_tasks = false
"""


def run_demo(seconds: float | None = None) -> None:
    """Run until Ctrl-C, or for so many seconds. Nothing is left behind."""
    ending, stop = Ending(), threading.Event()
    try:
        with tempfile.TemporaryDirectory(prefix="eda-demo-") as folder, _everything(Path(folder), stop) as watcher:
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
def _everything(folder: Path, stop: threading.Event) -> Iterator[subprocess.Popen[bytes]]:
    """Brokers, their traffic, the receiver of alerts and the monitor: started in this order, stopped in reverse."""
    with ExitStack() as stack:
        urls: list[str] = []
        targets = [_kafka(stack, stop, folder, urls)]
        with _told():
            targets.append(_rabbitmq(stack, stop, folder, urls))
        targets.append(_event_grid(stack, stop))
        with _told():
            targets.append(_aws(stack, stop))
        targets.append(HANDLERS.format(urls=json.dumps(urls)))
        webhook = stack.enter_context(receiver(out))
        watcher = _started(["-m", "monitor", "up", "--config", str(_configured(folder, "".join(targets), webhook))])
        try:
            yield watcher
        finally:
            stop.set()
            watcher.terminate()
            watcher.wait(10)


def _kafka(stack: ExitStack, stop: threading.Event, folder: Path, urls: list[str]) -> str:
    """A Kafka with traffic and handlers, whose metrics join `urls`; returns the target that watches it."""
    out.print("Starting Apache Kafka … (the first time its jars are fetched, about 10 s)")
    broker = stack.enter_context(services.kafka())
    create_topics(broker.bootstrap)
    for name in ("payments", "invoices"):
        with _told():
            urls.append(stack.enter_context(handlers.service(name, broker.bootstrap, folder)))
    stack.enter_context(_traffic(stop, run_kafka, broker.bootstrap))
    out.print(f"Kafka: {broker.bootstrap}")
    return KAFKA.format(bootstrap=broker.bootstrap)


def _rabbitmq(stack: ExitStack, stop: threading.Event, folder: Path, urls: list[str]) -> str:
    """A RabbitMQ with traffic and handlers, whose metrics join `urls`; returns the target that watches it."""
    out.print("Starting RabbitMQ …")
    broker = stack.enter_context(services.rabbitmq())
    amqp = "amqp://{}:{}@127.0.0.1:{}/%2F".format(*services.ADMIN, broker.amqp_port)
    stack.enter_context(_traffic(stop, run_rabbitmq, amqp))
    with _told():
        _thumbnails(stack, stop, folder, urls, amqp)
    out.print(f"RabbitMQ: {broker.url}")
    user, password = services.MONITOR
    return RABBITMQ.format(url=broker.url, user=user, password=password)


def _event_grid(stack: ExitStack, stop: threading.Event) -> str:
    """A simulation of Azure with figures that go wrong, and real blobs; returns the target that watches it."""
    azure = stack.enter_context(services.simulated_azure(services.SimulatedAzure(delay=-60)))  # it tells at once
    stack.enter_context(_traffic(stop, run_event_grid, azure))
    target = EVENT_GRID.format(subscription=services.SUBSCRIPTION, url=azure.url)
    with _told():
        out.print("Starting Azurite … (the first time it is fetched by npm)")
        blobs = stack.enter_context(services.azurite()).connection_string
        stack.enter_context(_traffic(stop, run_blobs, blobs))
        target += BLOBS.format(container=CONTAINER, connection=blobs)
    out.print(f"Azure Event Grid: simulated, {azure.url}")
    return target


def _aws(stack: ExitStack, stop: threading.Event) -> str:
    """An account that is not AWS, whose messages and events go wrong; returns the targets that watch it."""
    url = stack.enter_context(services.moto())
    stack.enter_context(_traffic(stop, run_aws, url))
    stack.enter_context(_traffic(stop, run_eventbridge, url))
    out.print(f"Amazon SQS, SNS and EventBridge: simulated by moto, {url}")
    return SQS.format(region=services.REGION, url=url) + EVENTBRIDGE.format(region=services.REGION, url=url)


def _thumbnails(stack: ExitStack, stop: threading.Event, folder: Path, urls: list[str], broker: str) -> None:
    urls.append(stack.enter_context(handlers.service("celery_metrics", broker, folder)))
    from monitor.demo.handlers.thumbnails import run_thumbnails

    stack.enter_context(handlers.celery_worker(broker, folder))
    stack.enter_context(_traffic(stop, run_thumbnails, broker))


@contextmanager
def _told() -> Iterator[None]:
    """What is missing or does not start is told, and the demo goes on without it."""
    try:
        yield
    except (services.ServiceMissingError, services.ServiceFailedError) as missing:
        out.print(f"[yellow]{escape(str(missing))}[/]", soft_wrap=True)


@contextmanager
def _traffic(stop: threading.Event, run: Callable[..., None], where: object) -> Iterator[None]:
    thread = threading.Thread(target=run, args=(where, stop), name="traffic")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


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
