"""Celery tasks over a broker of files; what becomes of one is its argument."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path
from typing import Any

from celery import Celery, Task
from celery.exceptions import Ignore, Reject
from kombu.transport import filesystem
from kombu.utils.json import dumps

from collectors.handlers import instrument, serve

FOLDER = Path(os.environ["SHOP_FOLDER"])
for name in ("queue", "processed", "written"):
    (FOLDER / name).mkdir(exist_ok=True)


class Channel(filesystem.Channel):  # type: ignore[misc]
    """Messages come to the queue whole: those of kombu are there before they are written, and may be read empty."""

    def _put(self, queue: str, payload: dict[str, Any], **_: object) -> None:
        file = FOLDER / "written" / f"{time.monotonic_ns()}_{uuid.uuid4()}.{queue}.msg"
        file.write_text(dumps(payload))
        file.rename(FOLDER / "queue" / file.name)


filesystem.Transport.Channel = Channel

app = Celery("shop", broker="filesystem://")
app.conf.update(
    broker_transport_options={
        "data_folder_in": str(FOLDER / "queue"),
        "data_folder_out": str(FOLDER / "queue"),
        "polling_interval": 0.02,
        "processed_folder": str(FOLDER / "processed"),
    },
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
)
if port := os.environ.get("SERVE_PORT"):
    serve(int(port))


@app.task(bind=True, max_retries=3, default_retry_delay=0)
@instrument("orders", group="celery", handler="charge", service="shop")
def charge(self: Task, outcome: str) -> None:
    if outcome == "failed":
        raise ValueError(outcome)
    if outcome == "retried" and self.request.retries == 0:
        raise self.retry(exc=ConnectionError(outcome), countdown=0)
    if outcome == "dropped":
        raise Ignore
    if outcome == "dead_lettered":
        raise Reject(outcome)
    if outcome == "hangs":
        (FOLDER / "hangs").write_text(str(os.getpid()))
        time.sleep(600)
