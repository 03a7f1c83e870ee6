"""Reads an account's queues and topics: what is configured now and then, how deep they are in every cycle."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from collectors.aws.account import Call
from collectors.aws.cycle import Cycle
from collectors.aws.errors import AwsError
from collectors.sqs import answers
from collectors.sqs.estate import Estate, Subscription
from collectors.sqs.settings import SqsSettings

#: The most that ListQueues gives; without it, it gives no further page.
QUEUES_A_PAGE = 1000
#: What SQS and SNS say of a queue or a subscription that is not there any more.
_GONE = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "NotFound", "NotFoundException"}


class Fetcher:
    """Reads one account, cycle after cycle; keeps what changes slowly."""

    def __init__(self, settings: SqsSettings) -> None:
        self.settings = settings
        self.estate = Estate()
        #: Whether what changes slowly was read in this cycle.
        self.is_new = False
        self._urls: dict[str, str] = {}
        self._names_there: set[str] = set()
        self._read_at: float | None = None

    def fetch(self, cycle: Cycle) -> Estate:
        """The estate as it is now; raises AwsError where nothing can be read at all."""
        estate = self.estate
        self.is_new = due = self._read_at is None or time.monotonic() - self._read_at >= self.settings.topology_interval
        if due:
            self._read_at = time.monotonic()
            with cycle.phase("lists"):
                self._list_queues(cycle)
                self._list_topics(cycle)
        with cycle.phase("queues"):
            self._read_queues(cycle, with_all=due)
        if due:
            with cycle.phase("subscriptions"):
                self._read_subscriptions(cycle)
            with cycle.part("keys"):
                estate.key_policies = dict(self._key_policies(cycle))
        return estate

    def read_sources(self, cycle: Cycle, stores: Iterable[str]) -> None:
        """Ask queues of dead letters for the queues that send theirs there, seen or not."""
        calls = [
            (name, Call("sqs", "ListDeadLetterSourceQueues", {"QueueUrl": self._urls[name]}))
            for name in stores
            if name in self._urls
        ]
        for name, answer in cycle.answered(calls):
            self.estate.sources[name] = {answers.name_of(url) for url in answer.get("queueUrls", ())}

    def read_tasks(self, cycle: Cycle, stores: Iterable[str]) -> None:
        """Ask queues of dead letters for the tasks that move theirs back."""
        self.estate.tasks = {}
        calls = [
            (name, Call("sqs", "ListMessageMoveTasks", {"SourceArn": self.estate.queues[name].arn, "MaxResults": 10}))
            for name in stores
            if name in self.estate.queues
        ]
        for name, answer in cycle.answered(calls):
            self.estate.tasks[name] = answers.tasks(answer)

    def _list_queues(self, cycle: Cycle) -> None:
        try:
            urls = cycle.listed("sqs", "ListQueues", "QueueUrls", PaginationConfig={"PageSize": QUEUES_A_PAGE})
        except AwsError as error:
            if error.of_all:
                raise
            cycle.fail("queues", str(error))
            return
        found = {answers.name_of(url): url for url in urls}
        admitted = [name for name in sorted(found) if self.settings.queues.admits(name)]
        for name in admitted[self.settings.queue_budget :]:
            cycle.skip(f"queue {name}", f"over the budget of {self.settings.queue_budget} queues")
        self._urls = {name: found[name] for name in admitted[: self.settings.queue_budget]}
        self._forget(found.keys())

    def _forget(self, there: Iterable[str]) -> None:
        """Let go of the queues that are no longer read, and note which ones there are at all."""
        estate = self.estate
        estate.queues = {name: queue for name, queue in estate.queues.items() if name in self._urls}
        estate.sources = {name: found for name, found in estate.sources.items() if name in self._urls}
        self._names_there = set(there)

    def _list_topics(self, cycle: Cycle) -> None:
        with cycle.part("topics"):
            arns = [item["TopicArn"] for item in cycle.listed("sns", "ListTopics", "Topics")]
            admits = self.settings.topics.admits
            self.estate.topics = {answers.topic(arn): arn for arn in arns if admits(arn.rpartition(":")[2])}

    def _read_queues(self, cycle: Cycle, with_all: bool) -> None:
        estate, wanted = self.estate, ["All"] if with_all else list(answers.DEPTHS)
        estate.depths = {}
        calls = [
            (name, Call("sqs", "GetQueueAttributes", {"QueueUrl": url, "AttributeNames": wanted}))
            for name, url in self._urls.items()
        ]
        for name, answer in cycle.answered(calls, _is_gone):
            if isinstance(answer, AwsError):
                continue
            with cycle.part(f"queue {name}"):
                attributes = answer["Attributes"]
                if with_all:
                    estate.queues[name] = answers.queue(name, attributes)
                estate.depths[name] = answers.depth(attributes)
        if with_all:
            prefixes = {queue.arn.rpartition(":")[0] for queue in estate.queues.values()}
            estate.there = {f"{prefix}:{name}" for prefix in prefixes for name in self._names_there} or None
        else:
            estate.depths = {name: depth for name, depth in estate.depths.items() if name in estate.queues}

    def _read_subscriptions(self, cycle: Cycle) -> None:
        if not self.estate.topics:
            self.estate.subscriptions = []
            return
        with cycle.part("subscriptions"):
            items = cycle.listed("sns", "ListSubscriptions", "Subscriptions")
            listed = [(str(item["SubscriptionArn"]), answers.subscription(item)) for item in items]
            mine = [(arn, one) for arn, one in listed if one.topic in self.estate.topics]
            budget = self.settings.subscription_budget
            confirmed = [arn for arn, one in mine if not one.pending]
            if len(confirmed) > budget:
                reason = f"over the budget of {budget} subscriptions"
                cycle.skip(f"attributes of {len(confirmed) - budget} subscriptions", reason)
            detailed = dict(self._details(cycle, dict(mine), confirmed[:budget]))
            self.estate.subscriptions = [detailed.get(arn, one) for arn, one in mine]

    def _details(
        self, cycle: Cycle, known: dict[str, Subscription], arns: Iterable[str]
    ) -> Iterator[tuple[str, Subscription]]:
        calls = [(arn, Call("sns", "GetSubscriptionAttributes", {"SubscriptionArn": arn})) for arn in arns]
        for arn, answer in cycle.answered(calls, _is_gone):
            if not isinstance(answer, AwsError):
                yield arn, answers.detailed(known[arn], answer["Attributes"])

    def _key_policies(self, cycle: Cycle) -> Iterator[tuple[str, str]]:
        """Policies of the keys of queues that a topic writes to; AWS's own key is known without."""
        targets = {one.endpoint_arn for one in self.estate.subscriptions}
        targets |= {one.dead_letter_arn for one in self.estate.subscriptions}
        keys = {queue.key for queue in self.estate.queues.values() if queue.arn in targets and queue.key is not None}
        for key in sorted(key for key in keys if not key.endswith("alias/aws/sqs")):
            described: Any = cycle.account.call("kms", "DescribeKey", KeyId=key)
            found = described["KeyMetadata"]["KeyId"]
            yield key, str(cycle.account.call("kms", "GetKeyPolicy", KeyId=found, PolicyName="default")["Policy"])


def _is_gone(error: AwsError) -> bool:
    return error.code in _GONE
