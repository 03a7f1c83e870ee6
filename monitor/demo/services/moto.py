"""A moto server: SQS, SNS, EventBridge and CloudWatch of an account, in a process of its own."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from monitor.demo.services.process import ServiceMissingError, free_port, is_ready, running

REGION = "eu-central-1"
#: It takes any; with these nobody's own are sent to it.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo"}


def client(service: str, url: str) -> Any:
    """The SDK's client of a service there."""
    import boto3

    keys = {name.lower(): value for name, value in CREDENTIALS.items()}
    return boto3.client(service, REGION, endpoint_url=url, **keys)


@contextmanager
def moto() -> Iterator[str]:
    """An account of AWS that is not AWS; yields its URL, at which any credentials are taken."""
    if importlib.util.find_spec("moto") is None:
        raise ServiceMissingError("moto is not installed: pip install 'eda-monitor[demo]'")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="eda-moto-") as name:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        with running(command, Path(name), lambda: is_ready(f"{url}/moto-api/")):
            yield url
