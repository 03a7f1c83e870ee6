"""The stories of dashboards/prometheus/tests: promtool and our own engine tell the same alerts at the same times."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from stories import ALSO, APART, FILES, FOLDER, KINDS, Story, cycles, not_applying, stories, together

from monitor.alerts.engine import Engine
from monitor.alerts.routing import Alerting
from monitor.alerts.rules import Rule, default_rules
from monitor.store.writer import Store

LONG_SECONDS = 3000.0
#: No alert that was longer ago than this changes another one: what is before the first question by more is only stored.
REMEMBERED_SECONDS = 25 * 3600.0
STORIES = [story for file in FILES for story in stories(file)]
OF_THE_ENGINE = [story for story in STORIES if not story.is_of_prometheus_alone]
RULES = default_rules()
NAMES = {rule.name: re.sub(r"(?<=[a-z])(?=[A-Z])", "_", rule.name).lower() for rule in RULES}

with_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


@with_promtool
@pytest.mark.parametrize("interval", sorted({story.interval for story in STORIES}))
def test_promtool_agrees(interval: str, tmp_path: Path) -> None:
    """All stories of an interval at once, which is many times faster than one after the other."""
    told = [story for story in STORIES if story.interval == interval]
    shutil.copy(FOLDER.parent / "alerts.yml", tmp_path)
    (tmp_path / "stories.yml").write_text(json.dumps(together(told)))

    done = subprocess.run(["promtool", "test", "rules", tmp_path / "stories.yml"], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


@with_promtool
@pytest.mark.skipif("STORIES_ALONE" not in os.environ, reason="make soak runs each file by itself")
@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_promtool_agrees_with_each_file_as_it_ships(file: Path) -> None:
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.name))
def test_stories_that_are_told_at_once_do_not_meet(rule: Rule) -> None:
    """Every rule is of one target, and looks at others by destination if it does."""
    assert rule.function != "absent" and "target" in rule.by
    assert all(set(APART) & set(one.on or rule.by) for one in (*rule.only_if, *rule.unless))
    assert not {value for one in (rule, *rule.only_if, *rule.unless) for value in one.where if value in APART}


@pytest.mark.parametrize("story", OF_THE_ENGINE, ids=[f"{story.id} {story.name}" for story in OF_THE_ENGINE])
def test_the_engine_agrees(story: Story, tmp_path: Path) -> None:
    intervals = dict.fromkeys((one.labels["target"] for one in story.series), story.seconds)
    engine, wanted = Engine(RULES, Alerting(), "", intervals), dict(story.firing)
    is_long = max(wanted) > LONG_SECONDS  # some of it is read from the rollups
    judged_from = min(wanted) - REMEMBERED_SECONDS
    with closing(Store(tmp_path / "store.db")) as store, closing(store.reader()) as reader:
        for at, scrapes in cycles(story):
            for one in scrapes:
                judge = partial(engine.judge, now=at, target=one.target) if at >= judged_from else None
                store.record(one, judge)
            while is_long and at >= judged_from and store.maintain(at):
                pass
            if at in wanted:
                firing = Counter(state.rule for state in reader.alerts() if state.state == "firing")
                assert firing == wanted.pop(at), at
    assert not wanted, "the series end before these times"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.name))
def test_every_rule_has_a_story_of_each_kind_or_says_why_the_kind_does_not_apply(rule: Rule) -> None:
    file = FOLDER / f"{NAMES[rule.name]}.yml"
    told = {kind for story in stories(file) for kind in story.kinds} - {ALSO}

    assert sorted([*told, *not_applying(file)]) == sorted(KINDS)


@pytest.mark.parametrize("story", STORIES, ids=[story.id for story in STORIES])
def test_a_rule_fires_in_the_stories_in_which_it_is_to_fire_and_in_no_other(story: Story) -> None:
    (rule,) = [name for name, file in NAMES.items() if file == story.id.partition(".")[0]]
    fires = [at for at in sorted(story.firing) if rule in story.firing[at]]
    is_to_fire = "fires" in story.kinds

    assert story.kinds <= ({"fires", "late"} if is_to_fire else {*KINDS, ALSO} - {"fires", "late"})
    assert bool(fires) is is_to_fire
    if "late" in story.kinds:
        assert len(fires) > 1 and fires[-1] < max(story.firing), "it still fires when all is well, and then does not"


def test_no_rule_remembers_alerts_for_longer_than_stories_are_judged() -> None:
    fired = [rule.unless_fired.window for rule in RULES if rule.unless_fired is not None]

    assert max([*fired, *(rule.for_ + rule.keep_firing_for for rule in RULES)]) < REMEMBERED_SECONDS


def test_every_file_is_of_a_rule() -> None:
    assert sorted(file.stem for file in FILES) == sorted(NAMES.values())
