"""What the demo watches: each broker is started, has its traffic, and returns the target that watches it, in TOML.

All is stopped with the stack; traffic also as soon as `stop` is set.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from monitor.demo import handlers as processes
from monitor.demo import services
from monitor.demo.traffic.aws import run_aws
from monitor.demo.traffic.blobs import CONTAINER, run_blobs
from monitor.demo.traffic.event_grid import run_event_grid
from monitor.demo.traffic.eventbridge import run_eventbridge
from monitor.demo.traffic.kafka import create_topics, run_kafka
from monitor.demo.traffic.rabbitmq import run_rabbitmq

out = Console()

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


def kafka(stack: ExitStack, stop: threading.Event, folder: Path, urls: list[str]) -> str:
    """A Kafka with traffic and handlers, whose metrics join `urls`; returns the target that watches it."""
    out.print("Starting Apache Kafka … (the first time its jars are fetched, about 10 s)")
    broker = stack.enter_context(services.kafka())
    create_topics(broker.bootstrap)
    for name in ("payments", "invoices"):
        with told():
            urls.append(stack.enter_context(processes.service(name, broker.bootstrap, folder)))
    stack.enter_context(_traffic(stop, run_kafka, broker.bootstrap))
    out.print(f"Kafka: {broker.bootstrap}")
    return KAFKA.format(bootstrap=broker.bootstrap)


def rabbitmq(stack: ExitStack, stop: threading.Event, folder: Path, urls: list[str]) -> str:
    """A RabbitMQ with traffic and handlers, whose metrics join `urls`; returns the target that watches it."""
    out.print("Starting RabbitMQ …")
    broker = stack.enter_context(services.rabbitmq())
    amqp = "amqp://{}:{}@127.0.0.1:{}/%2F".format(*services.ADMIN, broker.amqp_port)
    stack.enter_context(_traffic(stop, run_rabbitmq, amqp))
    with told():
        _thumbnails(stack, stop, folder, urls, amqp)
    out.print(f"RabbitMQ: {broker.url}")
    user, password = services.MONITOR
    return RABBITMQ.format(url=broker.url, user=user, password=password)


def event_grid(stack: ExitStack, stop: threading.Event) -> str:
    """A simulation of Azure with figures that go wrong, and real blobs; returns the target that watches it."""
    azure = stack.enter_context(services.simulated_azure(services.SimulatedAzure(delay=-60)))  # it tells at once
    stack.enter_context(_traffic(stop, run_event_grid, azure))
    target = EVENT_GRID.format(subscription=services.SUBSCRIPTION, url=azure.url)
    with told():
        out.print("Starting Azurite … (the first time it is fetched by npm)")
        blobs = stack.enter_context(services.azurite()).connection_string
        stack.enter_context(_traffic(stop, run_blobs, blobs))
        target += BLOBS.format(container=CONTAINER, connection=blobs)
    out.print(f"Azure Event Grid: simulated, {azure.url}")
    return target


def aws(stack: ExitStack, stop: threading.Event) -> str:
    """An account that is not AWS, whose messages and events go wrong; returns the targets that watch it."""
    url = stack.enter_context(services.moto())
    stack.enter_context(_traffic(stop, run_aws, url))
    stack.enter_context(_traffic(stop, run_eventbridge, url))
    out.print(f"Amazon SQS, SNS and EventBridge: simulated by moto, {url}")
    return SQS.format(region=services.REGION, url=url) + EVENTBRIDGE.format(region=services.REGION, url=url)


def _thumbnails(stack: ExitStack, stop: threading.Event, folder: Path, urls: list[str], broker: str) -> None:
    urls.append(stack.enter_context(processes.service("celery_metrics", broker, folder)))
    from monitor.demo.handlers.thumbnails import run_thumbnails

    stack.enter_context(processes.celery_worker(broker, folder))
    stack.enter_context(_traffic(stop, run_thumbnails, broker))


@contextmanager
def told() -> Iterator[None]:
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
