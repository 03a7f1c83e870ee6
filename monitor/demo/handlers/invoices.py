"""invoices: a FastStream service. It gives a poison event up, and writes it to the dead-letter topic itself."""

from __future__ import annotations

import asyncio
import os
import sys

from faststream import FastStream
from faststream.kafka import KafkaBroker
from faststream.kafka.prometheus import KafkaPrometheusMiddleware
from prometheus_client import CollectorRegistry, start_http_server

from monitor.demo.handlers import BROKER
from monitor.demo.traffic.kafka import POISON

ORIGIN = {"kafka_dlt-original-topic": "invoices"}


class PoisonError(Exception):
    """An event that no retry will help."""


def app(bootstrap: str, registry: CollectorRegistry) -> FastStream:
    broker = KafkaBroker(bootstrap, middlewares=[KafkaPrometheusMiddleware(registry=registry, app_name="invoices")])

    @broker.subscriber("invoices", group_id="invoice-service", auto_offset_reset="earliest")
    async def book(event: bytes) -> None:
        if event == POISON:
            await broker.publish(event, "invoices-retry-0", headers=ORIGIN)
            await broker.publish(event, "invoices-dlt", headers=ORIGIN)
            raise PoisonError

    return FastStream(broker)


def main(bootstrap: str, address: str, port: int) -> None:
    registry = CollectorRegistry()
    start_http_server(port, address, registry)
    asyncio.run(app(bootstrap, registry).run())


if __name__ == "__main__":
    main(os.environ[BROKER], sys.argv[1], int(sys.argv[2]))
