"""Reads what the handlers' own processes expose or push, and says it in our vocabulary."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from collectors.base import CollectError, Finding, PartError, Reading, Skipped
from collectors.exposition import Parser
from collectors.handlers import kept
from collectors.handlers.addresses import Listed, shown
from collectors.handlers.check import Seen, findings
from collectors.handlers.discovery import Discovery
from collectors.handlers.fetch import Fetcher, FetchError
from collectors.handlers.pages import page
from collectors.handlers.points import Distribution
from collectors.handlers.settings import HandlersSettings
from collectors.handlers.totals import Totals
from collectors.handlers.translate import translated

_OTLP = "collectors.handlers.otlp"


class HandlersCollector:
    """A set of instances, each an independent part. Its connections are kept between cycles."""

    system = "handlers"
    Settings = HandlersSettings

    def __init__(self, settings: HandlersSettings) -> None:
        self.settings = settings
        self._discovery = Discovery(settings.urls, settings.file_sd, settings.dns)
        self._parser = Parser()
        self._totals = Totals(settings.series_budget)
        self._fetcher: Fetcher | None = None
        self._receiver: Any = None
        self._seen: list[Seen] = []

    def restore(self, memory: Mapping[str, bytes]) -> None:
        kept.restore(self._totals, memory)

    def collect(self, now: float, deadline: float) -> Reading:
        reading, self._seen = Reading(), []
        with _phase(reading, "discover"):
            listed = self._discovery.instances(deadline, reading.errors)
        names = {kept.digest(one.url) for one in listed}
        with _phase(reading, "read"):
            self._scrape(listed, now, deadline, reading)
        names |= self._take_pushed(now, reading)
        reading.errors.sort()  # the instances answered in any order
        self._seen.sort(key=lambda seen: seen.where)
        if reading.errors and not self._seen and self._receiver is None:
            raise CollectError(_nothing(reading.errors))
        self._totals.end(names, now)
        with _phase(reading, "add"):
            self._tell(reading)
        reading.memory = kept.take_changes(self._totals)
        return reading

    def check(self, deadline: float) -> list[Finding]:
        """For every instance which dialects it speaks and how many handlers, and what is to be changed."""
        try:
            reading = self.collect(time.time(), deadline)
        except CollectError as error:
            return [Finding(False, str(error), "are the addresses right, and do the instances run?")]
        return findings(self.settings, reading, self._seen)

    def close(self) -> None:
        if self._fetcher is not None:
            self._fetcher.close()
            self._fetcher = None
        if self._receiver is not None:
            self._receiver.close()
            self._receiver = None

    def _scrape(self, listed: list[Listed], now: float, deadline: float, reading: Reading) -> None:
        if not listed:
            return
        try:
            if self._fetcher is None:
                self._fetcher = Fetcher(self.settings)
            before = self._fetcher.requests
            for one, answer in self._fetcher.pages(listed, deadline):
                if isinstance(answer, FetchError):
                    reading.errors.append(PartError(shown(one.url), str(answer)))
                else:
                    self._take_page(one, answer, now, reading)
            reading.requests = self._fetcher.requests - before
        except OSError as error:
            reading.errors.append(PartError("login", f"certificates or passwords cannot be read: {error.strerror}"))

    def _take_page(self, one: Listed, text: str, now: float, reading: Reading) -> None:
        where = shown(one.url)
        found = page(self._parser.read(text))
        left_out = self._parser.left_out
        if left_out and not found.points:
            line = self._parser.first_left_out
            reading.errors.append(PartError(where, f"is not in Prometheus' text format; it begins with {line!r}"))
            return
        if left_out:
            reading.skipped.append(Skipped(f"{left_out} lines of {where}", "not in Prometheus' text format"))
        reading.skipped += (
            Skipped(f"{name} of {where}", "a histogram in pieces") for name in dict.fromkeys(found.broken)
        )
        told = translated(found.points, self.settings.names(one.service, one.group), self.settings.mapping)
        self._totals.note(kept.digest(one.url), found.started, told, now)
        self._seen.append(Seen.of(where, told, found.points))

    def _take_pushed(self, now: float, reading: Reading) -> set[str]:
        """Take on what was pushed; the names of those that did."""
        listen = self.settings.otlp_listen
        if listen is None:
            return set()
        try:
            if self._receiver is None:
                self._receiver = _listening(listen)
        except CollectError as error:
            reading.errors.append(PartError("otlp_listen", str(error)))
            return set()
        names = set()
        for one in self._receiver.instances(now):
            told = translated(one.points, self.settings.names(), self.settings.mapping)
            name = kept.digest(f"otlp:{one.id}")
            self._totals.note(name, one.started, told, now)
            self._seen.append(Seen.of(f"OTLP of {one.id}", told, one.points))
            names.add(name)
        reading.skipped += (Skipped(what, reason) for what, reason in self._receiver.take_rejected())
        return names

    def _tell(self, reading: Reading) -> None:
        for (metric, labels), value in self._totals.counts():
            if isinstance(value, Distribution):
                reading.histograms.append(metric.histogram(*value, *labels))
            else:
                reading.samples.append(metric.sample(value, *labels))
        reading.samples += (metric.sample(value, *labels) for (metric, labels), value in self._totals.levels())
        limits = dict.fromkeys(skipped for seen in self._seen for skipped in seen.skipped)
        reading.skipped += limits
        reading.skipped += (
            Skipped(seen.where, "no metrics of handlers, or none yet") for seen in self._seen if not seen.dialects
        )
        reading.skipped += self._totals.take_over()


def _listening(listen: str) -> Any:
    """A receiver of OTLP that listens; raises CollectError."""
    try:
        otlp = importlib.import_module(_OTLP)
    except ModuleNotFoundError as error:
        raise CollectError(f"{listen}: needs the module {error.name}: pip install 'eda-monitor[handlers]'") from None
    receiver = otlp.Receiver(listen)
    try:
        receiver.start()
    except otlp.OtlpError as error:
        receiver.close()
        raise CollectError(str(error)) from None
    return receiver


def _nothing(errors: list[PartError]) -> str:
    first = f"{errors[0].part}: {errors[0].message}"
    more = f", and {len(errors) - 1} more failed" if len(errors) > 1 else ""
    return f"nothing could be read: {first}{more}"


@contextmanager
def _phase(reading: Reading, name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    reading.phases[name] = time.monotonic() - began
