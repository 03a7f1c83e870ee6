"""Which source the console reads: the configuration decides."""

from __future__ import annotations

import os
from pathlib import Path

from monitor.console import SOURCE_VARIABLE, STORE_VARIABLE
from monitor.console.prometheus.api import Api
from monitor.console.prometheus.source import PrometheusSource
from monitor.console.source import Source
from monitor.console_source import SourceSettings
from monitor.store.reader import Reader


def source_of(store: Path | str, settings: SourceSettings | None) -> Source:
    """The API that is set, else the store; raises StoreError. The caller closes it."""
    return Reader(store) if settings is None else PrometheusSource(Api(settings))


def opened_source() -> Source:
    """As the command that serves the console told this process; raises StoreError."""
    told = os.environ.get(SOURCE_VARIABLE)
    settings = SourceSettings.model_validate_json(told) if told else None
    return source_of(os.environ.get(STORE_VARIABLE, "eda-monitor.db"), settings)
