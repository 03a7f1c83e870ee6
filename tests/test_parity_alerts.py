"""Alerts go the same way in the engine and in Prometheus: pending, firing, resolved, each at the same time.

Random rules over random worlds, judged every 15 seconds by the engine, in the store, with what it keeps in memory, and
by promtool. A case is one rule over one world. `PARITY_WORLDS` says how many worlds (`make soak` takes many more),
`PARITY_SEED` which is the first.

The promtool of Debian is 2.42, which stretches a counter back to zero a little further than Prometheus does since
(docs/alerts.md); here the engine is told to do so too, that no difference remains to be forgiven.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import worlds

from collectors.base import Scrape
from monitor.alerts import functions
from monitor.alerts.engine import Engine
from monitor.alerts.promql import to_prometheus_yaml
from monitor.alerts.routing import Alerting
from monitor.alerts.rules import Rule
from monitor.store.writer import Store

pytestmark = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")

WORLDS, RULES, CYCLES = int(os.environ.get("PARITY_WORLDS", "26")), 80, 40
FIRST = int(os.environ.get("PARITY_SEED", "0"))


def stretch_of_2_42(points: functions.Points, start: float, end: float, first_to_change: float | None) -> float:
    first_at, last_at = points[0][0], points[-1][0]
    sampled = last_at - first_at
    average = sampled / (len(points) - 1)
    to_start, to_end = first_at - start, end - last_at
    if first_to_change is not None:
        to_start = min(to_start, sampled * first_to_change)
    ends = (one if one < average * 1.1 else average / 2 for one in (to_start, to_end))
    return (sampled + sum(ends)) / sampled


def played(seed: int, folder: Path) -> int:
    """Judge a world by the engine, and write down what promtool is to find; returns how many rules had alerts."""
    rng = random.Random(seed)
    rules = [worlds.rule(rng, number) for number in range(RULES)]
    targets, told, expected = [worlds.Target(rng, name) for name in ("a", "b")], worlds.Told(), []
    engine, alive = Engine(rules, Alerting(), ""), set[str]()
    with closing(Store(folder / f"{seed}.db")) as store, closing(store.reader()) as reader:
        for cycle in range(CYCLES):
            now = float(cycle * worlds.EVERY)
            if cycle:
                for target in targets:
                    reading = target.reading(now - worlds.LAG)
                    if reading is not None:
                        scrape = Scrape(target.name, "kafka", now - worlds.LAG, 0.1, reading)
                        store.record(scrape)
                        told.add(scrape)
            for target in targets:
                store.change(lambda tx, now=now, name=target.name: engine.judge(tx, now, name))  # type: ignore[misc]
            active = [state for state in reader.alerts() if state.state in ("pending", "firing")]
            alive |= {one.rule for one in active}
            expected.append((now, [worlds.braced({**one.labels, "alertstate": one.state}) for one in active]))
    write(seed, folder, rules, told, expected)
    return len(alive)


def write(
    seed: int, folder: Path, rules: list[Rule], told: worlds.Told, expected: list[tuple[float, list[str]]]
) -> None:
    (folder / f"rules-{seed}.yml").write_text(to_prometheus_yaml(rules))
    test: dict[str, Any] = {
        "interval": f"{worlds.STEP}s",
        "input_series": [{"series": name, "values": " ".join(values)} for name, values in told.series.items()],
        "promql_expr_test": [
            {
                "expr": "ALERTS",
                "eval_time": f"{now:.0f}s",
                "exp_samples": [{"labels": f"ALERTS{labels}", "value": 1} for labels in alerts],
            }
            for now, alerts in expected
        ],
    }
    whole = {"rule_files": [f"rules-{seed}.yml"], "evaluation_interval": f"{worlds.EVERY}s", "tests": [test]}
    (folder / f"test-{seed}.yml").write_text(json.dumps(whole))


def differences(folder: Path, seeds: list[int]) -> str:
    files = [f"test-{seed}.yml" for seed in seeds]
    command = ["promtool", "test", "rules", *files]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return "" if done.returncode == 0 else "".join(_differing(done.stdout)) or done.stdout


def _differing(told: str) -> Iterator[str]:
    """Of what promtool says only the alerts that one of both has, and the other has not."""
    test = ""
    for line in told.splitlines():
        if line.startswith("Unit Testing"):
            test = line.removeprefix("Unit Testing:").strip()
        elif "time: " in line:
            at = line.partition("time: ")[2].rstrip(", ")
        elif line.strip().startswith("exp:"):
            engine = set(re.findall(r"{.*?}", line))
        elif line.strip().startswith("got:"):
            prometheus = set(re.findall(r"{.*?}", line))
            yield from (f"{test} at {at}: only the engine has {one}\n" for one in sorted(engine - prometheus))
            yield from (f"{test} at {at}: only Prometheus has {one}\n" for one in sorted(prometheus - engine))


def test_alerts_are_pending_and_firing_at_the_same_times_as_in_prometheus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(functions, "_stretch", stretch_of_2_42)
    seeds, alive = list(range(FIRST, FIRST + WORLDS)), 0
    with ThreadPoolExecutor(1) as prometheus:  # judges some worlds while the engine plays the next ones
        found = []
        for at in range(0, WORLDS, 5):
            for seed in seeds[at : at + 5]:
                alive += played(seed, tmp_path)
            found.append(prometheus.submit(differences, tmp_path, seeds[at : at + 5]))
        differing = "".join(one.result() for one in found)

    with capsys.disabled():
        print(f"\nparity: {WORLDS * RULES:,} cases, {alive:,} of them with alerts, judged {CYCLES} times each")
    record_property("cases", WORLDS * RULES)
    assert differing == ""
    assert alive > WORLDS * RULES / 2, "rules that never hold tell nothing"
