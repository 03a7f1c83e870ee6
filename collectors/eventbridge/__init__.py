"""Amazon EventBridge: what buses matched, what rules delivered, what was given up, and where it went."""

from collectors.eventbridge.collector import EventBridgeCollector

__all__ = ["EventBridgeCollector"]
