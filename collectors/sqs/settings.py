"""What a target of kind "sqs" takes, beside what every account takes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from collectors.aws.settings import AwsSettings
from collectors.base import Filter, Settings


class DeadLetterQueue(Settings):
    """A dead-letter queue declared by hand, beside those that redrive policies lead to: such as Lambda's."""

    destination: str
    source: str = ""


class SqsSettings(AwsSettings):
    queues: Filter = Filter()
    topics: Filter = Filter()
    dead_letters: tuple[DeadLetterQueue, ...] = ()
    #: Queues that are read, at most: one request each, every interval.
    queue_budget: Annotated[int, Field(ge=0)] = 5000
    #: Subscriptions whose attributes are read, at most: one request each, every topology_interval.
    subscription_budget: Annotated[int, Field(ge=0)] = 2000
    #: Whether the tasks that move dead letters back are asked for.
    move_tasks: bool = True
    #: Whether the logs that SNS keeps of deliveries are read: failures and times of every subscription.
    delivery_logs: bool = False
