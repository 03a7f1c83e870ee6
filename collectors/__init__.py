"""Collectors read brokers and handlers. Usable alone; nothing here imports the service."""

from __future__ import annotations

#: kind of a target -> "module:Class" of its collector; imported at first use.
KINDS: dict[str, str] = {
    "kafka": "collectors.kafka:KafkaCollector",
    "rabbitmq": "collectors.rabbitmq:RabbitCollector",
    "eventbridge": "collectors.eventbridge:EventBridgeCollector",
    "eventgrid": "collectors.eventgrid:EventGridCollector",
    "sqs": "collectors.sqs:SqsCollector",
    "handlers": "collectors.handlers.collector:HandlersCollector",
}

#: kind of a target -> the extra that brings its client library, where that is not called like the kind.
EXTRAS: dict[str, str] = {"sqs": "aws", "eventbridge": "aws", "eventgrid": "azure"}
