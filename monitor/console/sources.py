"""Which source the console reads: the configuration decides."""

from __future__ import annotations

import os
from pathlib import Path

from monitor.console import SOURCE_VARIABLE, STORE_VARIABLE
from monitor.console.kept import Moments
from monitor.console.prometheus.api import Api
from monitor.console.prometheus.source import PrometheusSource
from monitor.console.source import Source
from monitor.console_source import SourceSettings
from monitor.store.reader import Reader


def source_of(store: Path | str, settings: SourceSettings | None) -> Source:
    """The API that is set, else the store; raises StoreError. The caller closes it."""
    return Reader(store) if settings is None else PrometheusSource(Api(settings))


_MOMENTS = Moments()


def opened_source(now: float) -> tuple[Source, float]:
    """As the command that serves the console told this process, and the time as of which it is to be asked.

    Raises StoreError.
    """
    told = os.environ.get(SOURCE_VARIABLE)
    settings = SourceSettings.model_validate_json(told) if told else None
    source = source_of(os.environ.get(STORE_VARIABLE, "eda-monitor.db"), settings)
    if source.path is None:
        return source, now
    moment = _MOMENTS.at(source.path, now)
    return moment.over(source), moment.since
