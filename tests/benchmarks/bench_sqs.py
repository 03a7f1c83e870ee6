"""A cycle over 1,000 queues and 200 topics of one account, against the same requests by a bare loop of boto3.

Lists, subscriptions and metrics come from moto, in a process of its own. It takes longer for a depth than the SDK does,
and one after another; so depths are answered in place, after as long as AWS is away. The rest is the SDK's own work.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse

from collectors.aws.cloudwatch import Wanted, request
from collectors.sqs import SqsCollector, answers
from collectors.sqs.settings import SqsSettings
from collectors.sqs.wants import wanted
from collectors.sums import Window
from monitor.demo import services

QUEUES, STORES, TOPICS, ROUNDS = 1000, 100, 200, 3
#: How far away AWS is, there and back.
AWAY_SECONDS = 0.02
DEPTHS = json.dumps({"Attributes": dict.fromkeys(answers.DEPTHS, "7")}).encode()
ACCOUNT = "123456789012"


class Body(BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def away(request: Any, **_: Any) -> AWSResponse:
    """The answer to GetQueueAttributes, after a while."""
    time.sleep(AWAY_SECONDS)
    return AWSResponse(request.url, 200, {}, Body(DEPTHS))


def client(service: str, url: str) -> Any:
    return boto3.client(service, services.REGION, endpoint_url=url)


def fill(url: str) -> None:
    """Queues, a hundred of them with a dead-letter queue of their own, and topics with a subscription each."""
    sqs, sns, here = client("sqs", url), client("sns", url), f"arn:aws:sqs:{services.REGION}:{ACCOUNT}:"
    for number in range(STORES):
        sqs.create_queue(QueueName=f"q{number}-dlq")
    for number in range(QUEUES - STORES):
        policy = json.dumps({"deadLetterTargetArn": f"{here}q{number}-dlq", "maxReceiveCount": 3})
        sqs.create_queue(QueueName=f"q{number}", Attributes={"RedrivePolicy": policy} if number < STORES else {})
    for number in range(TOPICS):
        topic = sns.create_topic(Name=f"t{number}")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"{here}q{number}")


class Loop:
    """The same requests one after another, in the way of the SDK's own examples."""

    def __init__(self, url: str, series: list[Wanted]) -> None:
        self.sqs, self.cloudwatch = client("sqs", url), client("cloudwatch", url)
        self.series = series
        self.urls = self.sqs.list_queues(MaxResults=1000)["QueueUrls"]
        self.sqs.meta.events.register("before-send", away)

    def __call__(self) -> None:
        for url in self.urls:
            self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(answers.DEPTHS))
        now = time.time() // 60 * 60
        for at in range(0, len(self.series), 500):
            self.cloudwatch.get_metric_data(
                **request(Window(now - 900, now + 60), self.series[at : at + 500]).parameters
            )


def measured(cycle: Callable[[], object]) -> tuple[float, float]:
    """(wall, CPU of this process) in seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    cycle()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    os.environ |= services.CREDENTIALS
    with services.moto() as url:
        fill(url)
        options = {
            "name": "shop", "kind": "sqs", "region": services.REGION, "endpoint_url": url, "timeout": "120s",
            "move_tasks": False, "metrics_budget": 1_000_000, "topology_interval": "1d",
        }  # fmt: skip
        collector = SqsCollector(SqsSettings.model_validate(options))
        now = time.time()

        def cycle() -> Any:
            nonlocal now
            now += 300
            return collector.collect(now, time.monotonic() + 120)

        wall, cpu = measured(cycle)
        assert collector._account is not None
        print(f"first cycle: {collector._account.requests} requests, {wall:.1f} s, {cpu:.1f} s of CPU")
        collector._account.client("sqs").meta.events.register("before-send", away)
        series = wanted(collector._fetcher.estate, collector._graph)
        loop = Loop(url, series)
        rounds = [(measured(cycle), measured(loop)) for _ in range(ROUNDS)]
        reading = cycle()
        ours, bare = ([statistics.median(one[n][i] for one in rounds) for i in (0, 1)] for n in (0, 1))
        print(
            f"a cycle: {reading.requests} requests, {len(series)} metrics of CloudWatch, {len(reading.samples)} samples"
        )
        print(f"collector: {ours[0]:.2f} s, {ours[1]:.2f} s of CPU")
        print(f"bare loop: {bare[0]:.2f} s, {bare[1]:.2f} s of CPU")
        print(f"of the loop: {ours[0] / bare[0]:.2f} of its wall, {ours[1] / bare[1]:.2f} of its CPU")
        quiet = collector._cloudwatch.asked_an_hour(series)
        print(f"metrics asked for in an hour at the default intervals: {quiet:.0f}")
        collector.close()


if __name__ == "__main__":
    main()
