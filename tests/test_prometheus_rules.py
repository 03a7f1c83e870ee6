"""The stories of dashboards/prometheus/tests: promtool and our own engine tell the same alerts at the same times."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from collectors.base import Reading, Scrape, parse_duration
from collectors.metrics import METRICS
from monitor.alerts.engine import Engine
from monitor.alerts.routing import Alerting
from monitor.alerts.rules import Rule, default_rules
from monitor.store import Store

FOLDER = Path(__file__).parent.parent / "dashboards" / "prometheus" / "tests"
FILES = sorted(FOLDER.glob("*.yml"))
LONG_SECONDS = 3000.0
#: What the name of a story begins with that the engine cannot be told, and why.
ALONE = "Prometheus alone"
STORIES = [
    (file.stem, story)
    for file in FILES
    for story in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]
    if not story["name"].startswith(ALONE)
]

#: A series as it is written there: its values by cycle, None where it has none.
Values = list[float | None]
Labels = tuple[tuple[str, str], ...]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_promtool_agrees(file: Path) -> None:
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "story", [story for _, story in STORIES], ids=[f"{n}: {story['name']}" for n, story in STORIES]
)
def test_the_engine_agrees(story: dict[str, Any], tmp_path: Path) -> None:
    interval = parse_duration(story["interval"])
    targets = {parsed(one["series"])[1]["target"]: interval for one in story["input_series"]}
    engine = Engine(default_rules(), Alerting(), "", targets)
    wanted = {parse_duration(one["eval_time"]): one.get("exp_samples", []) for one in story["promql_expr_test"]}
    is_long = max(wanted) > LONG_SECONDS  # some of it is read from the rollups
    with closing(Store(tmp_path / "store.db")) as store, closing(store.reader()) as reader:
        for at, scrapes in cycles(story):
            for scrape in scrapes:
                store.record(scrape, lambda tx, scrape=scrape: engine.judge(tx, scrape.started_at, scrape.target))  # type: ignore[misc]
            while is_long and store.maintain(at):
                pass
            if at in wanted:
                firing = Counter(state.rule for state in reader.alerts() if state.state == "firing")
                assert firing == {parsed(one["labels"])[1]["alertname"]: one["value"] for one in wanted.pop(at)}, at
    assert not wanted, "the series end before these times"


@pytest.mark.parametrize("rule", default_rules(), ids=lambda rule: str(rule.name))
def test_every_rule_has_its_stories(rule: Rule) -> None:
    file = FOLDER / (re.sub(r"(?<=[a-z])(?=[A-Z])", "_", rule.name).lower() + ".yml")

    assert f'alertname="{rule.name}"' in file.read_text(encoding="utf-8")


def cycles(story: dict[str, Any]) -> Iterator[tuple[float, list[Scrape]]]:
    """(time, scrapes) of each cycle: what `collector_up` calls 0 fails, and what has no value at all is not scraped."""
    series = [(*parsed(one["series"]), expanded(one["values"])) for one in story["input_series"]]
    targets = sorted({(labels["target"], labels["system"]) for _, labels, _ in series}, reverse=True)
    for cycle in range(max(len(values) for _, _, values in series)):
        at, scrapes = parse_duration(story["interval"]) * cycle, []
        for target in targets:
            own = [
                (name, labels, values[cycle])
                for name, labels, values in series
                if (labels["target"], labels["system"]) == target and cycle < len(values)
            ]
            told = [(name, labels, value) for name, labels, value in own if value is not None]
            up = [value for name, _, value in told if name == "eda_collector_up"]
            if told:
                scrapes.append(Scrape(*target, at, 0.1, reading(told), "down" if up == [0] else None))
        yield at, scrapes


def reading(told: list[tuple[str, dict[str, str], float]]) -> Reading:
    """The samples, and the histograms that the buckets make."""
    found, buckets = Reading(), defaultdict[Labels, list[tuple[float, float]]](list)
    for name, labels, value in told:
        metric = METRICS.get(name.removeprefix("eda_"))
        if "le" in labels:
            rest = tuple((key, text) for key, text in labels.items() if key != "le")
            buckets[rest].append((float(labels["le"]), value))
        elif metric is not None and metric.name != "collector_up":
            found.samples.append(metric.sample(value, *(labels.get(label, "") for label in metric.labels)))
    duration = METRICS["handler_duration_seconds"]
    for own, rows in buckets.items():
        bounds = tuple(bound for bound, _ in sorted(rows)[:-1])
        counts = tuple(int(above - below) for (_, below), (_, above) in pairwise([(0.0, 0.0), *sorted(rows)]))
        found.histograms.append(duration.histogram(bounds, counts, 0.0, *(dict(own)[x] for x in duration.labels)))
    return found


def parsed(series: str) -> tuple[str, dict[str, str]]:
    """Name and labels."""
    return series.partition("{")[0], dict(re.findall(r'(\w+)="([^"]*)"', series))


def expanded(notation: str) -> Values:
    """Of promtool: `5x3` (four fives), `0+2x3` (0 2 4 6), `9-1x2` (9 8 7), `_x3` (nothing), `stale` (an end)."""
    values: Values = []
    for word in notation.split():
        match = re.fullmatch(r"(?:(_|stale)|(\d+)([+-]\d+)?)(?:x(\d+))?", word)
        assert match is not None, word
        nothing, first, step, times = match.groups()
        if nothing:
            values += [None] * int(times or 1)
        else:
            values += [int(first) + int(step or 0) * at for at in range(int(times or 0) + 1)]
    return values
