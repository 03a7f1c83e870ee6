"""Real services, started once for all tests that need them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from monitor.demo import services


@pytest.fixture(scope="session")
def kafka() -> Iterator[services.Kafka]:
    """A running broker; without Java or Maven the test is skipped, but in CI it fails."""
    try:
        with services.kafka() as broker:
            yield broker
    except services.ServiceMissingError as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))
