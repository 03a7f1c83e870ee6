"""The stories of dashboards/prometheus/tests: what happens to a target, and which alerts fire when.

The name of a story begins with its kinds: "fires, late: It fires when …". Where a kind does not apply to a rule,
a comment of its file says so: "# redrive: does not apply: why".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from collectors.base import Reading, Scrape, parse_duration
from collectors.metrics import METRICS

FOLDER = Path(__file__).parent.parent / "dashboards" / "prometheus" / "tests"
FILES = sorted(FOLDER.glob("*.yml"))
#: It fires; it says nothing of what is idle, of a time without readings, of a restart (of the monitor or of what is
#: watched), of a deploy and of a redrive; and it resolves late, when all has been well for a while.
KINDS = ("fires", "late", "idle", "gap", "restart", "deploy", "redrive")
#: Of what else it says nothing.
ALSO = "also"
#: What is so called cannot be told to the engine: it judges what was read, and by one clock.
ALONE = "Prometheus alone"
#: Each story asks this, and nothing else.
QUESTION = 'count by (alertname) (ALERTS{alertstate="firing"})'

Labels = tuple[tuple[str, str], ...]


class Series(NamedTuple):
    """`written` is promtool's notation, `values` are those by cycle, None where it has none."""

    name: str
    labels: dict[str, str]
    written: str
    values: list[float | None]


class Story(NamedTuple):
    """`firing` is how many alerts of which rule fire, by time in seconds."""

    id: str
    name: str
    kinds: frozenset[str]
    interval: str
    series: list[Series]
    firing: dict[float, dict[str, int]]

    @property
    def seconds(self) -> float:
        """Of a cycle."""
        return parse_duration(self.interval)

    @property
    def is_of_prometheus_alone(self) -> bool:
        return ALONE in self.name


def stories(file: Path) -> list[Story]:
    """Those of a file; raises ValueError where promtool would take it, and this does not know what it means."""
    whole = yaml.safe_load(file.read_text(encoding="utf-8"))
    _must_be(whole, file, rule_files=["../alerts.yml"], evaluation_interval=whole["tests"][0]["interval"])
    return [_story(raw, f"{file.stem}.{number}", whole) for number, raw in enumerate(whole["tests"], 1)]


def _must_be(raw: dict[str, Any], file: Path, **keys: object) -> None:
    if any(raw[key] != wanted for key, wanted in keys.items()) or raw.keys() != {*keys, "tests"}:
        raise ValueError(f"{file.name}: expected {keys} and tests")


def _story(raw: dict[str, Any], id: str, whole: dict[str, Any]) -> Story:
    kinds, _, _ = raw["name"].partition(": ")
    asked = [one.pop("expr") for one in raw["promql_expr_test"]]
    if raw["interval"] != whole["evaluation_interval"] or set(asked) != {QUESTION}:
        raise ValueError(f"{id}: expected the interval of its file, and to be asked {QUESTION}")
    series = [Series(*parsed(one["series"]), one["values"], expanded(one["values"])) for one in raw["input_series"]]
    firing = {
        parse_duration(one["eval_time"]): {
            parsed(sample["labels"])[1]["alertname"]: sample["value"] for sample in one.get("exp_samples", [])
        }
        for one in raw["promql_expr_test"]
    }
    return Story(id, raw["name"], frozenset(kinds.split(", ")), raw["interval"], series, firing)


def not_applying(file: Path) -> dict[str, str]:
    """The kinds of which a file says that they do not apply to its rule, and why."""
    return dict(re.findall(r"^# (\w+): does not apply: (\S.+)$", file.read_text(encoding="utf-8"), re.M))


def together(told: Iterable[Story]) -> dict[str, Any]:
    """Many stories of one interval at once, for promtool: each has targets, destinations and sources of its own.

    So they do not meet, for rules join by target or by destination.
    """
    series, asked, interval = [], [], ""
    for story in told:
        interval = story.interval
        for one in story.series:
            own = {k: f"{story.id}/{v}" if k in APART and v else v for k, v in one.labels.items()}
            series.append({"series": f"{one.name}{braced(own)}", "values": one.written})
        question = QUESTION.replace("}", f', target=~"{re.escape(story.id)}/.*"}}'.replace("\\", "\\\\"))
        for at, firing in story.firing.items():
            samples = [{"labels": braced({"alertname": rule}), "value": count} for rule, count in firing.items()]
            asked.append({"expr": question, "eval_time": f"{at:.0f}s", "exp_samples": samples})
    test = {"interval": interval, "input_series": series, "promql_expr_test": asked}
    return {"rule_files": ["alerts.yml"], "evaluation_interval": interval, "tests": [test]}


APART = ("target", "destination", "source")


def braced(labels: dict[str, str]) -> str:
    return "{" + ", ".join(f"{name}={json.dumps(text)}" for name, text in labels.items()) + "}"


def cycles(story: Story) -> Iterator[tuple[float, list[Scrape]]]:
    """(time, scrapes) of each cycle: what `collector_up` calls 0 fails, and what has no value at all is not scraped."""
    targets = sorted({(one.labels["target"], one.labels["system"]) for one in story.series}, reverse=True)
    for cycle in range(max(len(one.values) for one in story.series)):
        at, scrapes = story.seconds * cycle, []
        for target in targets:
            told = [
                (one.name, one.labels, value)
                for one in story.series
                if (one.labels["target"], one.labels["system"]) == target
                for value in one.values[cycle : cycle + 1]
                if value is not None
            ]
            up = [value for name, _, value in told if name == "eda_collector_up"]
            if told:
                scrapes.append(Scrape(*target, at, 0.1, reading(told), "down" if up == [0] else None))
        yield at, scrapes


def reading(told: list[tuple[str, dict[str, str], float]]) -> Reading:
    """The samples, and the histograms that the buckets make."""
    found, buckets = Reading(), dict[Labels, list[tuple[float, float]]]()
    for name, labels, value in told:
        metric = METRICS.get(name.removeprefix("eda_"))
        if "le" in labels:
            rest = tuple((key, text) for key, text in labels.items() if key != "le")
            buckets.setdefault(rest, []).append((float(labels["le"]), value))
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


def expanded(notation: str) -> list[float | None]:
    """Of promtool: `5x3` (four fives), `0+2x3` (0 2 4 6), `9-1x2` (9 8 7), `_x3` (nothing), `stale` (an end)."""
    values: list[float | None] = []
    for word in notation.split():
        match = re.fullmatch(r"(?:(_|stale)|(\d+)([+-]\d+)?)(?:x(\d+))?", word)
        if match is None:
            raise ValueError(f"{word!r}: expected a value, _ or stale, and how often")
        nothing, first, step, times = match.groups()
        if nothing:
            values += [None] * int(times or 1)
        else:
            values += [int(first) + int(step or 0) * at for at in range(int(times or 0) + 1)]
    return values
