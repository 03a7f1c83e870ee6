"""RabbitMQ: backlog, redeliveries and dead letters of queues, and where dead letters go."""

from collectors.rabbitmq.collector import RabbitCollector

__all__ = ["RabbitCollector"]
