"""Traffic on EventBridge that tells a story within two minutes, at an account of AWS that is not AWS.

Orders go over the bus `shop` to the queue `invoices`, and are handled. After 30 seconds the function of the rule
`loyalty` fails: its events become dead letters; after 60 the rule `audit` is throttled; after 90 the rule `shipping`
gives up, and its dead-letter queue takes nothing, for its policy admits nobody: these events are lost.

moto delivers to queues, makes no metrics of AWS's own, and does not act on DeadLetterConfig. What AWS would tell
CloudWatch and write into a dead-letter queue is put there by this module alone, as it is documented:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html and eb-rule-dlq.html.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Mapping
from typing import Any

from monitor.demo.services.moto import REGION, client

ACCOUNT = "123456789012"
BUS, STORE, CLOSED_STORE = "shop", "events-dlq", "shipping-dlq"
DEAD_AFTER, THROTTLED_AFTER, LOST_AFTER = 30.0, 60.0, 90.0
EVERY = 10.0  # moto looks through all that it was told with each question
EVENTS = 10
_LATENCY_MS = 85.0


def run_eventbridge(url: str, stop: threading.Event) -> None:
    """Publish, consume and tell until stopped, at a moto server."""
    account = Account(url)
    account.make()
    began = time.monotonic()
    for number in itertools.count():
        account.publish(number)
        account.consume()
        account.tell(number, time.monotonic() - began)
        if stop.wait(EVERY):
            return


class Account:
    """The buses, rules and queues of the demo."""

    def __init__(self, url: str) -> None:
        self._events, self._sqs, self._cloudwatch = (client(name, url) for name in ("events", "sqs", "cloudwatch"))

    def make(self) -> None:
        """Make all that the story needs."""
        self._events.create_event_bus(Name=BUS)
        self._events.create_archive(ArchiveName="orders", EventSourceArn=_bus_arn(BUS), RetentionDays=7)
        for name in ("invoices", STORE):
            self._sqs.create_queue(QueueName=name, Attributes={"Policy": _policy()})
        self._sqs.create_queue(QueueName=CLOSED_STORE)
        self._rule("invoices", queue_arn("invoices"), STORE)
        self._rule("loyalty", _function_arn("loyalty"), STORE, pattern="none")
        self._rule("audit", _function_arn("audit"), None, pattern="none")
        self._rule("shipping", _function_arn("shipping"), CLOSED_STORE, pattern="none")

    def publish(self, number: int) -> None:
        """Publish events, which the bus brings into a queue."""
        detail = json.dumps({"order": number})
        entry = {"Source": "shop", "DetailType": "OrderPlaced", "Detail": detail, "EventBusName": BUS}
        self._events.put_events(Entries=[entry] * EVENTS)

    def consume(self) -> None:
        """Handle what the bus brought."""
        url = self._sqs.get_queue_url(QueueName="invoices")["QueueUrl"]
        while messages := self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for one in messages:
                self._sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])

    def tell(self, number: int, seconds: float) -> None:
        """Tell what AWS would tell of the time since the last call."""
        dead, lost = int(seconds > DEAD_AFTER and number % 2 == 0), int(seconds > LOST_AFTER and number % 4 == 0)
        throttled = int(seconds > THROTTLED_AFTER)
        self._count({"MatchedEvents": EVENTS}, EventBusName=BUS)
        self._count({"PutEventsEntriesCount": EVENTS + 1})
        self._of_rule("invoices", {"SuccessfulInvocationAttempts": EVENTS})
        self._of_rule("loyalty", _delivered(EVENTS - dead, dead, stored=True))
        self._of_rule("audit", {**_delivered(EVENTS, 0), "ThrottledRules": throttled})
        self._of_rule("shipping", {**_delivered(EVENTS - lost, lost), "InvocationsFailedToBeSentToDlq": lost})
        if seconds > DEAD_AFTER:
            self._put("AWS/SQS", {"ApproximateAgeOfOldestMessage": seconds - DEAD_AFTER}, QueueName=STORE)
        for _ in range(dead):
            self.dead_letter("loyalty", number)

    def dead_letter(self, rule: str, number: int) -> None:
        """Write a dead letter as EventBridge does: the event as its body, the cause in its attributes."""
        event = {"version": "0", "source": "shop", "detail-type": "OrderPlaced", "detail": {"order": number}}
        said = {
            "RULE_ARN": rule_arn(rule),
            "TARGET_ARN": _function_arn(rule),
            "ERROR_CODE": "SDK_CLIENT_ERROR",
            "ERROR_MESSAGE": "Rate Exceeded.",
            "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
            "RETRY_ATTEMPTS": "3",
        }
        attributes = {name: {"DataType": "String", "StringValue": value} for name, value in said.items()}
        url = self._sqs.get_queue_url(QueueName=STORE)["QueueUrl"]
        self._sqs.send_message(QueueUrl=url, MessageBody=json.dumps(event), MessageAttributes=attributes)

    def _rule(self, name: str, target: str, store: str | None, pattern: str = "shop") -> None:
        pattern = json.dumps({"source": [pattern]})
        self._events.put_rule(Name=name, EventBusName=BUS, EventPattern=pattern)
        made: dict[str, Any] = {"Id": "1", "Arn": target, "RetryPolicy": {"MaximumRetryAttempts": 20}}
        if store is not None:
            made["DeadLetterConfig"] = {"Arn": queue_arn(store)}
        self._events.put_targets(Rule=name, EventBusName=BUS, Targets=[made])

    def _of_rule(self, rule: str, counts: Mapping[str, float]) -> None:
        told = {"TriggeredRules": EVENTS, "IngestionToInvocationSuccessLatency": _LATENCY_MS, **counts}
        self._count(told, EventBusName=BUS, RuleName=rule)

    def _count(self, counts: Mapping[str, float], **dimensions: str) -> None:
        self._put("AWS/Events", counts, **dimensions)

    def _put(self, namespace: str, counts: Mapping[str, float], **dimensions: str) -> None:
        """Tell CloudWatch; most metrics of EventBridge are not told where they are 0."""
        named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
        told = [{"MetricName": name, "Value": value, "Dimensions": named} for name, value in counts.items() if value]
        self._cloudwatch.put_metric_data(Namespace=namespace, MetricData=told)


def rule_arn(name: str) -> str:
    return f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{BUS}/{name}"


def queue_arn(name: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def _bus_arn(name: str) -> str:
    return f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{name}"


def _function_arn(name: str) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def _policy() -> str:
    """Lets EventBridge write, as the console of AWS would have it."""
    statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Resource": "*"}]})


def _delivered(events: int, failed: int, stored: bool = False) -> dict[str, float]:
    """What is told of events that were delivered, and of such that failed for good after retries."""
    told = {"SuccessfulInvocationAttempts": events, "FailedInvocations": failed, "RetryInvocationAttempts": 3 * failed}
    return {**told, "InvocationsSentToDlq": failed} if stored else {**told}
