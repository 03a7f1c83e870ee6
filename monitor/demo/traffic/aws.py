"""Traffic on SNS and SQS that tells a story within two minutes, and what CloudWatch would say of it.

parcels go to packing, which handles them at once; after 30 seconds it meets poison messages, which it receives three
times in vain until they are dead letters. billing cannot be reached for some of them: SNS writes those into the
dead-letter queue of its subscriptions, but for a few, which are lost. Nobody reads audit, which gets only what is paid,
and has no dead-letter queue.

moto moves what was received too often, as SQS does. It makes no metrics of AWS's own, and does not act on the redrive
policy of a subscription: both are put there here, with the names, dimensions and messages that AWS documents.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections import Counter

from monitor.demo.services.moto import client
from monitor.demo.traffic.kafka import POISON_AFTER

POISON = "poison"
#: What SNS counts for a message that it could not deliver, and kept; and for one that it could not keep.
KEPT = ("NumberOfNotificationsFailed", "NumberOfNotificationsRedrivenToDlq")
LOST = ("NumberOfNotificationsFailed", "NumberOfNotificationsFailedToRedriveToDlq")
_WORKED = ("packing", "billing")
_QUEUES = (*_WORKED, "audit")
_STORES = ("packing-dlq", "billing-dlq", "parcels-dlq")
_TWO_WEEKS, _FOUR_DAYS = "1209600", "345600"
_TELL_SECONDS = 10.0


class Shop:
    """One topic with three subscriptions, and what CloudWatch has not been told yet."""

    def __init__(self, url: str) -> None:
        self.sqs, self.sns, self.cloudwatch = (client(service, url) for service in ("sqs", "sns", "cloudwatch"))
        self.topic = self.sns.create_topic(Name="parcels")["TopicArn"]
        self.queues: dict[str, str] = {}
        for name in _STORES:
            self._declare(name, MessageRetentionPeriod=_TWO_WEEKS)
        for name in _WORKED:
            redrive = {"deadLetterTargetArn": self.arn(f"{name}-dlq"), "maxReceiveCount": 3}
            self._declare(name, VisibilityTimeout="1", RedrivePolicy=json.dumps(redrive))
        self._declare("audit", MessageRetentionPeriod=_FOUR_DAYS)
        for name in _QUEUES:
            self._subscribe(name)
        self._told: Counter[tuple[str, str, str, str]] = Counter()
        self._lock = threading.Lock()

    def arn(self, queue: str) -> str:
        return f"{self.topic.rpartition(':')[0].replace(':sns:', ':sqs:')}:{queue}"

    def publish(self, number: int, is_poison: bool) -> None:
        kind = {"kind": {"DataType": "String", "StringValue": "paid" if number % 4 == 0 else "open"}}
        body = POISON if is_poison else f"parcel {number}"
        self.sns.publish(TopicArn=self.topic, Message=body, MessageAttributes=kind)
        self.count("SNS", "parcels", "NumberOfMessagesPublished")
        takers = [name for name in _QUEUES if name != "audit" or number % 4 == 0]
        self.count("SNS", "parcels", "NumberOfNotificationsDelivered", len(takers))
        if len(takers) < len(_QUEUES):
            self.count("SNS", "parcels", "NumberOfNotificationsFilteredOut-MessageAttributes")
        for name in takers:
            self.count("SQS", name, "NumberOfMessagesSent")

    def give_up(self, number: int, is_kept: bool) -> None:
        """What SNS does with a message that a subscription did not take after all tries."""
        for name in KEPT if is_kept else LOST:
            self.count("SNS", "parcels", name)
        if is_kept:
            envelope = {"Type": "Notification", "TopicArn": self.topic, "Message": f"parcel {number}"}
            self.sqs.send_message(QueueUrl=self.queues["parcels-dlq"], MessageBody=json.dumps(envelope))
            self.count("SQS", "parcels-dlq", "NumberOfMessagesSent")

    def handle(self, name: str) -> None:
        """Receive what there is, and delete what could be handled."""
        url = self.queues[name]
        for message in self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", ()):
            self.count("SQS", name, "NumberOfMessagesReceived")
            if json.loads(message["Body"])["Message"] != POISON or name != "packing":
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                self.count("SQS", name, "NumberOfMessagesDeleted")

    def count(self, namespace: str, name: str, metric: str, value: int = 1) -> None:
        dimension = "TopicName" if namespace == "SNS" else "QueueName"
        with self._lock:
            self._told[f"AWS/{namespace}", dimension, name, metric] += value

    def tell(self, waiting: float) -> None:
        """Tell CloudWatch what was counted, and how long the oldest messages have waited that nobody handles."""
        with self._lock:
            told, self._told = self._told, Counter()
        for (namespace, dimension, name, metric), value in told.items():
            self._put(namespace, dimension, name, metric, value)
        for name in self.queues:
            age = 1.0 if name in _WORKED else waiting
            self._put("AWS/SQS", "QueueName", name, "ApproximateAgeOfOldestMessage", age)

    def _put(self, namespace: str, dimension: str, name: str, metric: str, value: float) -> None:
        point = {"MetricName": metric, "Dimensions": [{"Name": dimension, "Value": name}], "Value": value}
        self.cloudwatch.put_metric_data(Namespace=namespace, MetricData=[point])

    def _declare(self, name: str, **attributes: str) -> None:
        statement = {
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": self.arn(name), "Condition": {"ArnEquals": {"aws:SourceArn": self.topic}},
        }  # fmt: skip
        attributes["Policy"] = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.queues[name] = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def _subscribe(self, name: str) -> None:
        if name == "audit":
            attributes = {"FilterPolicy": json.dumps({"kind": ["paid"]})}
        else:
            attributes = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": self.arn("parcels-dlq")})}
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=self.arn(name), Attributes=attributes)


def run_aws(url: str, stop: threading.Event) -> None:
    """Publish and consume until stopped, at a moto server."""
    shop, began = Shop(url), time.monotonic()
    consumers = [threading.Thread(target=_consume, args=(shop, name, stop)) for name in _WORKED]
    for thread in consumers:
        thread.start()
    _produce(shop, began, stop)
    for thread in consumers:
        thread.join()


def _produce(shop: Shop, began: float, stop: threading.Event) -> None:
    tells_at = began
    for number in itertools.count():
        if stop.wait(0.3):
            return
        goes_wrong = time.monotonic() > began + POISON_AFTER
        shop.publish(number, goes_wrong and number % 15 == 0)
        if goes_wrong and number % 20 == 0:
            shop.give_up(number, is_kept=number % 200 != 0)
        if time.monotonic() >= tells_at:
            shop.tell(time.monotonic() - began)
            tells_at += _TELL_SECONDS


def _consume(shop: Shop, name: str, stop: threading.Event) -> None:
    while not stop.wait(0.3):
        shop.handle(name)
