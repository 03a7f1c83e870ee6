"""What all instances together ever counted: over restarts of theirs and of the agent, nothing lost and nothing twice.

1. What a series counted since its process began is taken as it stands; when it begins anew, what it had stays.
2. It begins anew when it falls, or when the process says that it began at another time. Processes that answer by turns
   at one address are told apart by those times.
3. An instance that is gone keeps what it counted. After a day it is folded into what is kept without a name.
4. Of what stands now only the instances that were just read tell.
5. Where none of the instances that count a series could be read, though they should, its total is unknown and not told:
   it would look like silence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Container, Iterator, Mapping
from dataclasses import dataclass, field

from collectors import metrics as m
from collectors.base import Metric, Skipped
from collectors.handlers import buckets
from collectors.handlers.dialects.words import Count, Level, Origin, Translated
from collectors.handlers.points import Distribution

#: How long what is gone keeps its name, in seconds.
KEPT_SECONDS = 86400.0
#: Cycles further apart than this were none of the instances' doing: the agent was away.
AWAY_SECONDS = 600.0
#: Instances that are gone, and processes at one address, that keep a name at most.
GONE, LIVES = 1000, 8
#: Two times of beginning closer than this are one.
SAME_SECONDS = 0.5
#: Series of one process.
SERIES = 50_000
#: What is left out and named in a cycle, at most.
NAMED = 1000
#: In `changed`: what is kept of instances without a name.
KEPT = ""

OVER_BUDGET = "over the budget of series"

#: One series of the vocabulary.
Key = tuple[Metric, tuple[str, ...]]
Value = float | Distribution
#: What was counted of one: numbers are added up, histograms stand side by side while their bounds differ.
Sum = list[Value]


@dataclass(slots=True)
class Series:
    """What one series of an instance counts: `last` since it began, `base` before that."""

    last: Value
    witness: float
    base: Sum = field(default_factory=list)
    #: Since when the instance no longer exposes it.
    absent: float | None = None

    def note(self, count: Count) -> bool:
        """True when something changed."""
        value, before = count.value, self.last
        if count.witnessed < self.witness:
            put(self.base, before)
            self.last = value
        elif isinstance(value, Distribution) or isinstance(before, Distribution) or value > before:
            self.last = value
        changed = self.last != before or count.witnessed != self.witness or self.absent is not None
        self.witness, self.absent = count.witnessed, None
        return changed


@dataclass(slots=True)
class Life:
    """One process of an instance, from when it began, where it says that."""

    started: float | None
    series: dict[tuple[Origin, Key], Series] = field(default_factory=dict)


@dataclass(slots=True)
class Instance:
    lives: list[Life] = field(default_factory=list)
    #: Of series and lives that lost their names.
    kept: dict[Key, Sum] = field(default_factory=dict)
    #: Since when it is listed no more.
    gone: float | None = None
    changed: bool = True

    def counted(self) -> Iterator[tuple[Key, Value, bool]]:
        """Everything it ever counted; True with what may still grow."""
        for key, values in self.kept.items():
            yield from ((key, value, False) for value in values)
        for life in self.lives:
            for (_, key), series in life.series.items():
                yield key, series.last, self.gone is None and series.absent is None
                yield from ((key, value, False) for value in series.base)

    def life(self, started: float | None) -> Life | None:
        """The process that began then; None for one of which nobody knows any more what it had counted."""
        for life in reversed(self.lives):
            if started is None or life.started is None or abs(life.started - started) < SAME_SECONDS:
                life.started = life.started if started is None else started
                return life
        if len(self.lives) >= LIVES and _began(self.lives[0]) > (started or 0.0):
            return None
        new = Life(started)
        self.lives.append(new)
        self.lives.sort(key=_began)
        if len(self.lives) > LIVES:
            self._keep(self.lives.pop(0).series)
        return new

    def expose(self, life: Life, names: Container[tuple[Origin, Key]], now: float) -> None:
        """Note which series it exposes, all of that process; of the others, since when it does not."""
        for one in self.lives:
            for name, series in one.series.items():
                if series.absent is None and (one is not life or name not in names):
                    series.absent, self.changed = now, True

    def put_off(self, seconds: float) -> None:
        """What is gone is so for this much less: nobody looked."""
        self.changed = True
        self.gone = None if self.gone is None else self.gone + seconds
        for life in self.lives:
            for series in life.series.values():
                series.absent = None if series.absent is None else series.absent + seconds

    def let_go(self, now: float) -> None:
        """Fold the series that were not exposed for a day."""
        for life in self.lives:
            old = {
                name: series
                for name, series in life.series.items()
                if series.absent is not None and now - series.absent >= KEPT_SECONDS
            }
            self._keep(old)
            for name in old:
                del life.series[name]
            self.changed |= bool(old)

    def _keep(self, series: Mapping[tuple[Origin, Key], Series]) -> None:
        for (_, key), one in series.items():
            for value in (*one.base, one.last):
                put(self.kept.setdefault(key, []), value)


class Totals:
    """The counts of all instances, and what stands now of those that were just read."""

    def __init__(self, budget: int) -> None:
        self.instances: dict[str, Instance] = {}
        #: Of instances that lost their names; the longest untouched first.
        self.kept: dict[Key, Sum] = {}
        self.noted_at: float | None = None
        #: Names of instances that are to be forgotten, and KEPT.
        self.changed: set[str] = set()
        self._budget = budget
        self._keys: set[Key] = set()
        #: Of these, those that nobody counts any more; known once the budget is spent.
        self._dead: dict[Key, None] = {}
        self._levels: list[Level] = []
        self._read: set[str] = set()
        #: Listed, and not read in the last cycle.
        self._blind: set[str] = set()
        self._over: dict[Skipped, None] = {}
        self._bounds: dict[Key, tuple[float, ...]] = {}

    def note(self, name: str, started: float | None, translated: Translated, now: float) -> None:
        """Take on what an instance says, of which `started` is when its process began to count."""
        instance = self.instances.setdefault(name, Instance())
        instance.gone, instance.changed = None, instance.changed or instance.gone is not None
        life = instance.life(started)
        if life is not instance.lives[-1]:
            self._leave_out("processes at one address", "they answer by turns; list each of them")
        self._levels += translated.levels
        self._read.add(name)
        if life is not None:
            # of a series that stands there twice the last one counts: else the other would be a counter that fell
            counts = {(count.origin, (count.metric, count.labels)): count for count in translated.counts}
            self._count(instance, life, counts)
            instance.expose(life, counts, now)

    def _count(self, instance: Instance, life: Life, counts: Mapping[tuple[Origin, Key], Count]) -> None:
        for name, count in counts.items():
            known = life.series.get(name)
            if known is not None:
                instance.changed |= known.note(count)
            elif len(life.series) < SERIES and self._admits(name[1]):
                life.series[name] = Series(count.value, count.witnessed)
                instance.changed = True
            else:
                self._leave_out(_called(name[1]), OVER_BUDGET)

    def end(self, listed: Collection[str], now: float) -> None:
        """End a cycle in which these instances were listed, whether or not they answered."""
        self._blind, self._read = set(listed) - self._read, set()
        away = now - self.noted_at if self.noted_at is not None else 0.0
        self.noted_at = now
        for name, instance in list(self.instances.items()):
            if away > AWAY_SECONDS:
                instance.put_off(away)
            if name in listed:
                instance.gone, instance.changed = None, instance.changed or instance.gone is not None
            elif instance.gone is None:
                instance.gone, instance.changed = now, True
            instance.let_go(now)
        self._fold(now)
        self._find_dead()

    def _find_dead(self) -> None:
        if len(self._keys) >= self._budget:
            living = {key for one in self.instances.values() for key, _, _ in one.counted()}
            self._dead = {key: None for key in self.kept if key not in living}

    def _fold(self, now: float) -> None:
        gone = sorted((one.gone, name) for name, one in self.instances.items() if one.gone is not None)
        for at, (since, name) in enumerate(gone):
            if now - since >= KEPT_SECONDS or at < len(gone) - GONE:
                for key, value, _ in self.instances.pop(name).counted():
                    put(self.kept.setdefault(key, []), value)
                self.changed |= {name, KEPT}

    def counts(self) -> Iterator[tuple[Key, Value]]:
        """Every series of the vocabulary with its total; those of which it is unknown are left out.

        Histograms without common bounds are left out too, and named.
        """
        unknown = self._unknown()
        every: dict[Key, list[tuple[Value, bool]]] = defaultdict(list)
        for key, values in self.kept.items():
            every[key] += ((value, False) for value in values)
        for instance in self.instances.values():
            for key, value, grows in instance.counted():
                every[key].append((value, grows))
        self._bounds = {key: bounds for key, bounds in self._bounds.items() if key in every}
        for key, found in every.items():
            if key in unknown:
                continue
            if key[0].kind != "histogram":
                yield key, sum(value for value, _ in found if not isinstance(value, Distribution))
            elif (total := self._histogram(key, found)) is not None:
                yield key, total

    def _unknown(self) -> set[Key]:
        """Series that may grow at instances which should have been read and were not, and at no other."""
        growing: dict[bool, set[Key]] = {True: set(), False: set()}
        for name, instance in self.instances.items() if self._blind else ():
            growing[name in self._blind].update(key for key, _, grows in instance.counted() if grows)
        return growing[True] - growing[False]

    def levels(self) -> Iterator[tuple[Key, float]]:
        """What stands now: of the oldest call the least, of the last success the greatest, else the sum."""
        found: dict[Key, list[float]] = defaultdict(list)
        for metric, labels, value in self._levels:
            if len(found) < self._budget or (metric, labels) in found:
                found[metric, labels].append(value)
            else:
                self._leave_out(_called((metric, labels)), OVER_BUDGET)
        self._levels = []
        how = {m.HANDLER_IN_PROGRESS_SINCE: min, m.HANDLER_LAST_SUCCESS: max}
        for key, values in found.items():
            yield key, how.get(key[0], sum)(values)

    def take_over(self) -> list[Skipped]:
        """What was left out since last asked."""
        over, self._over = list(self._over), {}
        return over

    def restored(self) -> None:
        """To be called when instances and what is kept were put back."""
        self._keys = {key for one in self.instances.values() for key, _, _ in one.counted()} | set(self.kept)
        self._find_dead()

    def _histogram(self, key: Key, found: list[tuple[Value, bool]]) -> Distribution | None:
        every = [(value, grows) for value, grows in found if isinstance(value, Distribution)]
        growing = [value for value, grows in every if grows]
        if growing or key not in self._bounds:
            self._bounds[key] = buckets.common(growing or [value for value, _ in every])
        bounds = self._bounds[key]
        if not bounds:
            self._leave_out(_called(key), "its instances count in buckets without a bound in common")
            return None
        return buckets.added((value for value, _ in every), bounds)

    def _admits(self, key: Key) -> bool:
        """Whether there is room for the series; what nobody counts any more makes room, the oldest first."""
        if key in self._keys:
            self._dead.pop(key, None)
            return True
        if len(self._keys) >= self._budget:
            if not self._dead:
                return False
            dead = next(iter(self._dead))
            del self._dead[dead], self.kept[dead]
            self._keys.discard(dead)
            self.changed.add(KEPT)
        self._keys.add(key)
        return True

    def _leave_out(self, what: str, reason: str) -> None:
        if len(self._over) < NAMED:
            self._over[Skipped(what, reason)] = None


def put(values: Sum, value: Value) -> None:
    """Add to what was counted; histograms of the same bounds become one."""
    for at, known in enumerate(values):
        if not isinstance(value, Distribution) and not isinstance(known, Distribution):
            values[at] = known + value
            return
        if isinstance(value, Distribution) and isinstance(known, Distribution) and known.bounds == value.bounds:
            values[at] = buckets.added((known, value), known.bounds)
            return
    values.append(value)


def _began(life: Life) -> float:
    return life.started or 0.0


def _called(key: Key) -> str:
    metric, labels = key
    return f"{metric.name} of {' '.join(label for label in labels if label)}"
