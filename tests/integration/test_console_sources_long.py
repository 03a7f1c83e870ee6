"""Charts over more than an hour tell the same from the store's rollups and from an API in steps."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from backfilled import into_store, prometheus_with, victoriametrics_with
from conftest import or_skip
from scripted import broker, handlers

from collectors.base import Scrape
from monitor.console import timelines
from monitor.console.place import Place
from monitor.console.prometheus.api import Answer, Api
from monitor.console.prometheus.source import PrometheusSource
from monitor.console.source import Source
from monitor.console.timelines import Line, lines
from monitor.console_source import SourceSettings
from monitor.store.reader import Reader

pytestmark = pytest.mark.integration

NOW = float(int(time.time()) // 3600 * 3600 - 3600)
EVERY, HOURS = 60.0, 8


def scrapes() -> Iterator[Scrape]:
    """A reading of both targets every minute, up to now."""
    for number in range(count := int(HOURS * 3600 / EVERY)):
        at = NOW - (count - 1 - number) * EVERY - 7
        yield Scrape("orders", "kafka", at, 0.1, broker(number))
        yield Scrape("handlers", "handlers", at + 1, 0.1, handlers(number))


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Source]]:
    folder = tmp_path_factory.mktemp("long")
    into_store(folder / "s.db", scrapes())
    prometheus, victoriametrics = prometheus_with(scrapes(), folder), victoriametrics_with(scrapes())
    with or_skip(prometheus) as one, or_skip(victoriametrics) as other, closing(Reader(folder / "s.db")) as store:
        yield {"store": store} | {
            name: PrometheusSource(Api(SourceSettings(url=url)))
            for name, url in (("prometheus", one), ("victoriametrics", other))
        }


def means(found: list[Line]) -> dict[str, float]:
    """What each line shows on average."""
    return {
        one.name: math.fsum(v for _, v in one.points if v == v) / len([v for _, v in one.points if v == v])
        for one in found
    }


PLACES = (
    (timelines.CONSUMERS, {"target": "orders", "destination": "orders", "group": "billing"}),
    (timelines.DEAD_LETTERS, {"target": "orders", "destination": "orders.DLT", "source": "orders"}),
    (timelines.HANDLERS, {"destination": "orders", "group": "billing"}),
)


@pytest.mark.parametrize("span", ["6h", "1d"])
@pytest.mark.parametrize("name", ["prometheus", "victoriametrics"])
@pytest.mark.parametrize(("panels", "labels"), PLACES, ids=["consumers", "dead letters", "handlers"])
def test_long_charts_tell_the_same(
    sources: dict[str, Source], name: str, panels: tuple[timelines.Panel, ...], labels: dict[str, str], span: str
) -> None:
    place = Place(tuple(labels.items()), span=span)
    for panel in panels:
        expected, found = (lines(sources[which], panel, place, NOW) for which in ("store", name))

        assert [one.name for one in found] == [one.name for one in expected]
        assert means(found) == pytest.approx(means(expected), rel=0.03), panel.title
        for one, other in zip(found, expected, strict=True):
            assert abs(len(one.points) - len(other.points)) <= 1
            assert [at for at, _ in one.points[-3:]] == pytest.approx([at for at, _ in other.points[-3:]], abs=EVERY)


@pytest.mark.parametrize("minutes", [10, 55, 240])
@pytest.mark.parametrize("name", ["prometheus", "victoriametrics"])
def test_histograms_tell_the_same(sources: dict[str, Source], name: str, minutes: int) -> None:
    def told(source: Source) -> dict[tuple[str, ...], tuple[float, float]]:
        found = source.increases("handler_duration_seconds", NOW - minutes * 60, NOW)
        return {tuple(one.labels.values()): (one.total, one.sum) for one in found}

    expected, found = told(sources["store"]), told(sources[name])

    assert found.keys() == expected.keys()
    for key, figures in found.items():
        assert figures == pytest.approx(expected[key], rel=1e-9 if minutes < 60 else 0.01)
    assert max(total for total, _ in found.values()) >= minutes * 45


def test_where_counts_only_grew_buckets_are_asked_at_the_ends_alone(
    sources: dict[str, Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = sources["prometheus"]
    assert isinstance(source, PrometheusSource)
    asked: list[int] = []
    instant = Api.instant

    def counting(self: Api, query: str, at: float | None = None) -> list[Answer]:
        found = instant(self, query, at)
        asked.append(sum(len(one.points) for one in found) if "bucket" in query else 0)
        return found

    monkeypatch.setattr(Api, "instant", counting)
    PrometheusSource(source._api).increases("handler_duration_seconds", NOW - 3000, NOW)
    at_ends = sum(asked)
    asked.clear()
    PrometheusSource(source._api).increase_trend("handler_duration_seconds", NOW - 3000, NOW)

    assert at_ends < sum(asked) / 10
