"""Apache Kafka: backlog of consumer groups in messages and in seconds, and dead-letter topics."""

from collectors.kafka.collector import KafkaCollector
from collectors.kafka.settings import KafkaSettings

__all__ = ["KafkaCollector", "KafkaSettings"]
