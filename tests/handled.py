"""What the recorder of this process exposes, read as a scraper would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.samples import Sample

from collectors.handlers.recorder import pushing
from collectors.handlers.recorder.families import Families
from collectors.handlers.recorder.process import RECORDER, Handler, Labels

_known: dict[Labels, Handler] = {}


@pytest.fixture(autouse=True)
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A recorder that has counted nothing yet, in memory."""
    for variable in ("EDA_HANDLERS_DIR", "PROMETHEUS_MULTIPROC_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    forget()
    yield
    forget()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory in which processes count together."""
    monkeypatch.setenv("EDA_HANDLERS_DIR", str(tmp_path / "handlers"))
    return tmp_path / "handlers"


def forget() -> None:
    """As a process that begins; handlers of modules begin again at their first call."""
    RECORDER.handlers.update(_known)
    RECORDER.begin_in_child()
    pushing.begin_in_child()
    _known.update(RECORDER.handlers)
    RECORDER.handlers.clear()
    RECORDER.complained.clear()


def samples(all_bounds: bool = False) -> list[Sample]:
    return [sample for family in Families(all_bounds).collect() for sample in family.samples]


def value(name: str, **labels: str) -> float | None:
    """The sum of the series with these labels; None where there is none."""
    found = [
        sample.value for sample in samples() if sample.name == f"eda_{name}" and labels.items() <= sample.labels.items()
    ]
    return sum(found) if found else None


def outcomes(**labels: str) -> dict[str, float]:
    """Events by outcome, without those at 0."""
    names = ("ok", "failed", "retried", "dead_lettered", "dropped")
    found = {name: value("handler_events_total", outcome=name, **labels) or 0.0 for name in names}
    return {name: events for name, events in found.items() if events}


def reasons(**labels: str) -> dict[str, float]:
    return {
        sample.labels["reason"]: sample.value
        for sample in samples()
        if sample.name == "eda_handler_failures_total" and labels.items() <= sample.labels.items()
    }
