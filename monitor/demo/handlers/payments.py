"""payments: a consumer measured by one line. After a while each event takes it longer, and its group falls behind."""

from __future__ import annotations

import os
import sys
import time

from kafka import KafkaConsumer
from kafka.consumer.fetcher import ConsumerRecord

from collectors.handlers import instrument, serve
from monitor.demo.handlers import BROKER

SLOW_AFTER = 20.0
QUICK_SECONDS, SLOW_SECONDS = 0.02, 0.25


def main(bootstrap: str, address: str, port: int) -> None:
    began = time.monotonic()

    @instrument("payments", group="payment-service", service="payments", timestamp=lambda one: one.timestamp / 1000)
    def charge(record: ConsumerRecord) -> None:
        time.sleep(QUICK_SECONDS if time.monotonic() - began < SLOW_AFTER else SLOW_SECONDS)

    serve(port, address)
    consumer = KafkaConsumer(
        "payments",
        bootstrap_servers=bootstrap,
        group_id="payment-service",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    while True:
        for records in consumer.poll(500, max_records=10).values():
            for record in records:
                charge(record)
        consumer.commit()


if __name__ == "__main__":
    main(os.environ[BROKER], sys.argv[1], int(sys.argv[2]))
