"""A cycle over 300 rules of EventBridge at a moto server, against the bare loop of boto3 over the same answers.

`python tests/benchmarks/bench_eventbridge.py` prints ratios. Both ask for all rules, their targets, their dead-letter
queues and as many metrics; the bare loop asks one after the other, as a script would. Every request of both takes
20 ms more than moto needs, for AWS is not on this machine.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import boto3
from botocore.httpsession import URLLib3Session

from collectors.base import Reading
from collectors.eventbridge import EventBridgeCollector
from monitor.demo import services
from monitor.demo.traffic.eventbridge import ACCOUNT, REGION, queue_arn

RULES, BUSES, STORES, ROUNDS = 300, 3, 20, 3
DISTANCE = 0.02
FIGURES = 8


def fill(url: str) -> None:
    """Make rules on several buses, each with a target and one of the dead-letter queues."""
    events, sqs = _client("events", url), _client("sqs", url)
    for number in range(STORES):
        sqs.create_queue(QueueName=f"dead-{number}")
    for number in range(1, BUSES):
        events.create_event_bus(Name=f"bus-{number}")
    for number in range(RULES):
        bus = "default" if number % BUSES == 0 else f"bus-{number % BUSES}"
        events.put_rule(Name=f"rule-{number}", EventBusName=bus, EventPattern='{"source": ["none"]}')
        target = {
            "Id": "1",
            "Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f{number}",
            "DeadLetterConfig": {"Arn": queue_arn(f"dead-{number % STORES}")},
        }
        events.put_targets(Rule=f"rule-{number}", EventBusName=bus, Targets=[target])


def bare_loop(url: str) -> None:
    """What a script would do: every call after the one before."""
    events, sqs, cloudwatch = (_client(name, url) for name in ("events", "sqs", "cloudwatch"))
    stores, dimensions = set(), []
    for bus in events.list_event_buses()["EventBuses"]:
        events.describe_event_bus(Name=bus["Name"])
        for page in events.get_paginator("list_rules").paginate(EventBusName=bus["Name"]):
            for rule in page["Rules"]:
                told = events.list_targets_by_rule(Rule=rule["Name"], EventBusName=bus["Name"])["Targets"]
                stores |= {one["DeadLetterConfig"]["Arn"] for one in told}
                own = [] if bus["Name"] == "default" else [{"Name": "EventBusName", "Value": bus["Name"]}]
                dimensions.append([*own, {"Name": "RuleName", "Value": rule["Name"]}])
    for arn in stores:
        queue = sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
        sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])
    asked = [
        {
            "Id": f"m{number}_{figure}",
            "MetricStat": {
                "Metric": {"Namespace": "AWS/Events", "MetricName": f"Figure{figure}", "Dimensions": one},
                "Period": 60,
                "Stat": "Sum",
            },
        }
        for number, one in enumerate(dimensions)
        for figure in range(FIGURES)
    ]
    now = time.time()
    for at in range(0, len(asked), 500):
        cloudwatch.get_metric_data(
            MetricDataQueries=asked[at : at + 500],
            StartTime=datetime.fromtimestamp(now - 900, UTC),
            EndTime=datetime.fromtimestamp(now, UTC),
        )


def cycle(url: str) -> Reading:
    """A first cycle, which reads everything."""
    one = _collector(url)
    reading = one.collect(time.time(), time.monotonic() + 300)
    one.close()
    return reading


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return time.perf_counter() - wall, time.process_time() - cpu, result


def _collector(url: str) -> EventBridgeCollector:
    given = {
        "name": "aws",
        "kind": "eventbridge",
        "region": REGION,
        "endpoint_url": url,
        "latency_p99": False,
        "metrics_budget": 1_000_000,
        "topology_budget": RULES,
        "timeout": "120s",
    }
    return EventBridgeCollector(EventBridgeCollector.Settings.model_validate(given))


def _client(service: str, url: str) -> Any:
    return boto3.client(service, REGION, endpoint_url=url)


def main() -> None:
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
    send = URLLib3Session.send

    def sent(session: URLLib3Session, request: Any) -> Any:
        time.sleep(DISTANCE)
        return send(session, request)

    with services.moto() as url, patch.object(URLLib3Session, "send", sent):
        fill(url)
        cycle(url)  # the SDK's models are read once
        pairs = [(timed(lambda: bare_loop(url)), timed(lambda: cycle(url))) for _ in range(ROUNDS)]
        reading = pairs[-1][1][2]
        one = _collector(url)
        now = time.time()
        one.collect(now, time.monotonic() + 300)
        later = one.collect(now + 60, time.monotonic() + 300)
        steady = one.collect(now + 300, time.monotonic() + 300)
    print(f"{RULES} rules, {len(reading.samples)} samples, {reading.requests} requests in a first cycle")
    print(f"{later.requests} requests after 60 s, {steady.requests} after 300 s")
    for name, part in (("wall", 0), ("CPU", 1)):
        bare, own = (statistics.median(pair[side][part] for pair in pairs) for side in (0, 1))
        print(f"{name}: bare loop {bare:.2f} s, a first cycle {own:.2f} s, ratio {own / bare:.2f}")


if __name__ == "__main__":
    main()
