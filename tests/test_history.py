"""Reading far back and over long, from rollups, and the backtest that does so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from collectors import metrics as m
from collectors.base import Reading, Scrape
from monitor.alerts.backtest import Episode, backtest
from monitor.alerts.functions import extrapolated
from monitor.alerts.rules import default_rules
from monitor.cli import app
from monitor.store.history import BUCKETS, fitting
from monitor.store.reader import Reader
from monitor.store.writer import Store

BEGAN = 1_700_000_000.0
HOUR, DAY = 3600.0, 86400.0
DEAD = ("orders.DLT", "orders", "")


def scrape(at: float, total: int, ok: bool = True) -> Scrape:
    reading = Reading(samples=[m.DEAD_LETTERED_MESSAGES_TOTAL.sample(total, *DEAD)])
    return Scrape("kafka", "kafka", at, 0.1, reading if ok else Reading(), None if ok else "down")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """30 hours, read every minute: 5 dead letters in hour 3, 1 in hour 20; unreadable for 20 minutes of hour 25."""
    path = tmp_path_factory.mktemp("history") / "store.db"
    with closing(Store(path)) as store:
        for minute in range(30 * 60):
            at, total = BEGAN + minute * 60, 7 + 5 * (minute >= 190) + (minute >= 20 * 60 + 10)
            store.record(scrape(at, total, ok=not 25 * 60 <= minute < 25 * 60 + 20))
            while store.maintain(at):
                pass
        yield path


def increase(path: Path, start: float, end: float) -> float | None:
    with closing(Reader(path)) as reader:
        (series,) = reader.past("dead_lettered_messages_total", BEGAN + start, BEGAN + end)
    return extrapolated(series.points, BEGAN + start, BEGAN + end, counter=True)


@pytest.mark.parametrize(
    ("start", "end", "grown"), [(0, 30, 6), (2, 26, 6), (5, 29, 1), (21, 29, 0), (3, 4, 5), (2, 3, 0), (19, 22, 1)]
)
def test_what_was_added_long_ago_is_read_from_rollups(path: Path, start: float, end: float, grown: int) -> None:
    assert increase(path, start * HOUR, end * HOUR) == pytest.approx(grown, rel=0.03)


@pytest.mark.parametrize("hours", [0.5, 3, 26])
def test_what_is_read_of_one_target_is_its_part_of_all(tmp_path: Path, hours: float) -> None:
    with closing(Store(tmp_path / "two.db")) as store:
        for step in range(3 * 30):
            for target, shift in (("kafka", 0), ("rabbit", 20)):
                at = BEGAN + step * 120 + shift
                store.record(replace(scrape(at, step // 7 * (1 + shift)), target=target))
            while store.maintain(BEGAN + step * 120):
                pass
    end = BEGAN + 3 * HOUR

    with closing(Reader(tmp_path / "two.db")) as reader:
        all_of_them = reader.past("dead_lettered_messages_total", end - hours * HOUR, end)
        one = reader.past("dead_lettered_messages_total", end - hours * HOUR, end, {"target": "rabbit"})

    assert len(all_of_them) == 2
    assert one == [series for series in all_of_them if series.labels["target"] == "rabbit"]


def test_a_long_window_is_read_at_a_cost_that_has_a_bound(path: Path) -> None:
    with closing(Reader(path)) as reader:
        (series,) = reader.past("dead_lettered_messages_total", BEGAN + 5 * HOUR, BEGAN + 29 * HOUR)

    assert len(series.points) <= 24 * 12 + 2


@pytest.mark.parametrize(
    ("length", "ago", "table"),
    [
        (HOUR, DAY, "rollup_1m"), (6 * HOUR, 0, "rollup_10m"), (DAY, 0, "rollup_10m"), (HOUR, 7 * DAY, "rollup_10m"),
        (3 * DAY, 0, "rollup_1h"), (HOUR, 30 * DAY, "rollup_1h"),
    ],
)  # fmt: skip
def test_buckets_are_as_narrow_as_they_are_kept_and_may_be(length: float, ago: float, table: str) -> None:
    now = BEGAN
    found = fitting(now - ago - length, now - ago, now)

    assert found.table == table
    assert length * 1000 <= found.width * BUCKETS


def episodes(path: Path, since: float, until: float) -> list[Episode]:
    with closing(Reader(path)) as reader:
        return backtest(reader, default_rules(), BEGAN + since * HOUR, BEGAN + until * HOUR)


def test_a_backtest_says_what_would_have_fired_when_and_for_how_long(path: Path) -> None:
    first, second, blind = episodes(path, 0, 30)

    assert [one.rule for one in (first, second, blind)] == ["DeadLettersGrowing", "DeadLettersGrowing", "CollectorDown"]
    assert first.fired_at == pytest.approx(BEGAN + 190 * 60, abs=120)
    assert (first.ended_at or 0) - first.fired_at == pytest.approx(15 * 60, abs=180)
    assert blind.fired_at == pytest.approx(BEGAN + 25 * HOUR, abs=120)
    assert [one.messages for one in (first, second, blind)] == [2, 2, 2]


def test_a_backtest_tells_of_the_time_that_is_asked_for_alone(path: Path) -> None:
    assert [one.rule for one in episodes(path, 4, 19)] == []


def test_the_command_prints_what_it_found(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "c.toml"
    config.write_text(f'[store]\npath = "{path}"\n')
    monkeypatch.setattr("monitor.cli.backtest.time.time", lambda: BEGAN + 30 * HOUR)

    table = CliRunner().invoke(app, ["alerts", "backtest", "--since", "12h", "--config", str(config)])
    told = CliRunner().invoke(app, ["alerts", "backtest", "--since", "12h", "--config", str(config), "--json"])

    assert "4 messages: CollectorDown 2, DeadLettersGrowing 2" in table.output
    assert [one["rule"] for one in json.loads(told.stdout)] == ["DeadLettersGrowing", "CollectorDown"]
