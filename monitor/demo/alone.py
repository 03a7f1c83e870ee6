"""The demo's traffic alone, on brokers that somebody else has started, as docker-compose.yml has it.

`python -m monitor.demo.alone KAFKA RABBITMQ USER PASSWORD_FILE`, both brokers as host:port.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import quote

from kafka.errors import TopicAlreadyExistsError

from monitor.demo import handlers
from monitor.demo.handlers.thumbnails import run_thumbnails
from monitor.demo.traffic.kafka import create_topics, run_kafka
from monitor.demo.traffic.rabbitmq import run_rabbitmq
from monitor.ending import Ending

#: Where the metrics of each handler are served.
PORTS = {"payments": 9101, "invoices": 9102, "celery_metrics": 9103}


def run_alone(kafka: str, rabbitmq: str, address: str = "0.0.0.0") -> None:
    """Traffic and its handlers until told to stop; `rabbitmq` is an `amqp://` URL. A part that ends ends them all."""
    ending, stop = Ending(), threading.Event()
    with suppress(TopicAlreadyExistsError):
        create_topics(kafka)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eda-traffic-")))
        for name, port in PORTS.items():
            broker = rabbitmq if name == "celery_metrics" else kafka
            stack.enter_context(handlers.service(name, broker, folder, address, port))
        stack.enter_context(handlers.celery_worker(rabbitmq, folder))
        parts = [
            threading.Thread(target=run, args=(where, stop), name=run.__name__)
            for run, where in ((run_kafka, kafka), (run_rabbitmq, rabbitmq), (run_thumbnails, rabbitmq))
        ]
        for part in parts:
            part.start()
        print("Traffic runs.", flush=True)
        while all(part.is_alive() for part in parts) and not ending.wait(1):
            pass
        stop.set()
        for part in parts:
            part.join(10)


def main(kafka: str, rabbitmq: str, user: str, password_file: str) -> None:
    password = quote(Path(password_file).read_text(encoding="utf-8").strip(), safe="")
    run_alone(kafka, f"amqp://{user}:{password}@{rabbitmq}/%2F")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit("usage: python -m monitor.demo.alone KAFKA RABBITMQ USER PASSWORD_FILE")
    main(*sys.argv[1:])
