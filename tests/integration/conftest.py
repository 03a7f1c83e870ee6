"""Real services, started once for all tests that need them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from aws import nobody
from backfilled import prometheus_with
from outage import scrapes

from monitor.demo import services

Service = TypeVar("Service")


@contextmanager
def or_skip(service: AbstractContextManager[Service]) -> Iterator[Service]:
    """A running service; where it is not to be had the test is skipped, but in CI it fails."""
    try:
        started = service.__enter__()
    except services.ServiceMissingError as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))
    try:
        yield started
    finally:
        service.__exit__(None, None, None)


@pytest.fixture(scope="session")
def kafka() -> Iterator[services.Kafka]:
    with or_skip(services.kafka()) as broker:
        yield broker


@pytest.fixture(scope="module")
def secured() -> Iterator[services.Secured]:
    """A Kafka with TLS, SASL and ACLs."""
    with or_skip(services.secured_kafka()) as broker:
        yield broker


@pytest.fixture(scope="module")
def cluster() -> Iterator[services.Cluster]:
    """Three brokers."""
    with or_skip(services.kafka_cluster(3)) as brokers:
        yield brokers


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate authority and a broker's certificate."""
    folder = tmp_path_factory.mktemp("certificates")
    services.certificates(folder)
    return folder


@pytest.fixture(scope="session")
def rabbit(certificates: Path) -> Iterator[services.Node]:
    """A RabbitMQ, over TLS too, whose statistics come twice a second."""
    with or_skip(services.rabbitmq({"collect_statistics_interval": 500}, certificates)) as node:
        yield node


@pytest.fixture(scope="session")
def azurite() -> Iterator[services.Azurite]:
    """Azure's blob server, for this machine."""
    with or_skip(services.azurite()) as server:
        yield server


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Prometheus that has an outage which ends now."""
    with or_skip(prometheus_with(scrapes(float(int(time.time()))), tmp_path_factory.mktemp("prometheus"))) as url:
        yield url


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The address of an AWS that moto plays, in a process of its own; who asks comes with credentials of nobody."""
    with nobody(), or_skip(services.moto()) as url:
        yield url


@pytest.fixture
def aws_url(moto: str) -> str:
    """An account in which nothing is."""
    httpx.post(f"{moto}/moto-api/reset")
    return moto
