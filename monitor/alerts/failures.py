"""Rules that fail when they are judged: each is counted under its name, and told once in the log."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from collectors import metrics as m
from collectors.base import Sample
from monitor.store.reader import StoreError

log = logging.getLogger("eda_monitor")


#: What is so called is no fault of one rule: nothing could be judged, or nobody be told.
ALL = "all rules"


class Failures:
    """What the rules of these names, or all of them, failed at since the agent started."""

    def __init__(self, rules: Iterable[str]) -> None:
        self._counts = dict.fromkeys([*rules, ALL], 0)
        self._told: set[tuple[str, str, type[Exception]]] = set()

    @contextmanager
    def of(self, rule: str, target: str) -> Iterator[None]:
        """What is raised within is noted and goes no further; that the store cannot be read is no fault of a rule."""
        try:
            yield
        except StoreError:
            raise
        except Exception as error:  # a fault of ours must not end the other rules
            self._counts[rule] = self._counts.get(rule, 0) + 1
            self._tell(rule, target, error)

    def samples(self) -> Iterator[Sample]:
        for rule, count in self._counts.items():
            yield m.RULE_FAILURES_TOTAL.sample(count, rule)

    def _tell(self, rule: str, target: str, error: Exception) -> None:
        if (what := (rule, target, type(error))) not in self._told:
            self._told.add(what)
            said = f"{type(error).__name__}: {error}"
            log.error("%s on target %s: %s; alerts stay as they are", rule, target, said)
