"""The order of the tests: files that take long come first, that no process works on one while the others have ended."""

from __future__ import annotations

import pytest

#: Files that take a minute or more, the longest first.
LONG = (
    "test_prometheus_rules.py",
    "test_parity_alerts.py",
    "test_pages_in_browser.py",
    "test_rabbitmq.py",
    "test_rabbitmq_faults.py",
    "test_console_access.py",
    "test_console_states.py",
    "test_kafka_faults.py",
    "test_parity.py",
    "test_refresh.py",
    "test_deployed_image.py",
    "test_handlers_processes.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))
