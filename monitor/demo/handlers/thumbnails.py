"""thumbnails: a Celery worker on RabbitMQ. Some pictures are corrupt: tried again twice, then given up."""

from __future__ import annotations

import itertools
import os
import threading
import time

from celery import Celery

from monitor.demo.handlers import BROKER

QUEUE = "thumbnails"
CORRUPT_EVERY = 25
SECONDS = 0.03


class CorruptPictureError(Exception):
    """A picture that cannot be read."""


def made(broker: str) -> Celery:
    app = Celery("thumbnails", broker=broker)
    app.conf.update(
        task_default_queue=QUEUE,
        task_send_sent_event=True,
        worker_send_task_events=True,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
    )

    @app.task(name="render", autoretry_for=(CorruptPictureError,), max_retries=2, default_retry_delay=1)  # type: ignore[untyped-decorator]
    def render(number: int) -> None:
        time.sleep(SECONDS)
        if number % CORRUPT_EVERY == CORRUPT_EVERY - 1:
            raise CorruptPictureError

    return app


def run_thumbnails(broker: str, stop: threading.Event) -> None:
    """Ask for pictures until stopped."""
    app = made(broker)
    for number in itertools.count():
        if stop.wait(0.3):
            return
        app.send_task("render", (number,))


#: What `celery --app` looks for.
app = made(os.environ.get(BROKER, "memory://"))
