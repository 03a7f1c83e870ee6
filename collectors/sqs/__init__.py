"""Amazon SQS and SNS of an account and region: queues, topics, and where their dead letters go."""

from collectors.sqs.collector import SqsCollector

__all__ = ["SqsCollector"]
