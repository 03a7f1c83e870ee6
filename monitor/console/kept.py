"""Answers of a store that are kept as long as nobody writes to it: ten consoles that look at a page read it once.

What a page asks depends on when it asks. So all that is drawn within a few seconds over one version of the data is
drawn as of the first time at which that version was seen, and asks for the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import partial, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from monitor.console.source import Source

P = ParamSpec("P")
T = TypeVar("T")

#: A moment ends after so many seconds though nothing was written: an agent that has stopped is to be noticed.
LASTING = 10.0

#: What the files of a store are by: each commit changes the write-ahead log, or the store itself.
Version = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """A version of the data, since when it is looked at (epoch seconds), and what was asked of it."""

    version: Version
    since: float
    answers: dict[Hashable, _Answer] = field(default_factory=dict)

    def over(self, source: Source) -> Source:
        """The source, of which every question is asked once in this moment."""
        return cast(Source, _Kept(source, self.answers))


class Moments:
    """The moments of the stores that this process looks at."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: dict[str, Moment] = {}

    def at(self, path: str, now: float) -> Moment:
        """The moment of the store at that path, begun now unless it lasts."""
        version = version_of(path)
        with self._lock:
            moment = self._of.get(path)
            if moment is None or moment.version != version or not 0 <= now - moment.since < LASTING:
                moment = self._of[path] = Moment(version, now)
            return moment


def version_of(path: str) -> Version:
    """Another one after every commit. The log is beside the store itself, and not beside a link to it."""
    store, found = Path(path).resolve(), []
    for name in (store, f"{store}-wal"):
        try:
            status = Path(name).stat()
            found.append((status.st_ino, status.st_size, status.st_mtime_ns))
        except OSError:
            found.append((0, 0, 0))
    return tuple(found)


def once(make: Callable[Concatenate[Source, P], T]) -> Callable[Concatenate[Source, P], T]:
    """What a function makes of a source is kept beside the answers, and made once in a moment. Nobody writes to it."""

    @wraps(make)
    def made(source: Source, /, *args: P.args, **named: P.kwargs) -> T:
        if not isinstance(source, _Kept):
            return make(source, *args, **named)
        return cast(T, source.kept(make.__qualname__, partial(make, source))(*args, **named))

    return made


class _Kept:
    """A source that answers again what it has answered. Nobody writes to the answers."""

    def __init__(self, source: Source, answers: dict[Hashable, _Answer]) -> None:
        self._source, self._answers = source, answers

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._source, name)
        return self.kept(name, asked) if callable(asked) and name != "close" else asked

    def kept(self, name: str, ask: Callable[..., Any]) -> Callable[..., Any]:
        """The question of that name, asked once with the same arguments; one that is None is as one not given."""

        def answer(*args: Any, **named: Any) -> Any:
            given = [*enumerate(args), *sorted(named.items())]
            key = name, *((one, _hashable(value)) for one, value in given if value is not None)
            return self._answers.setdefault(key, _Answer()).once(lambda: ask(*args, **named))

        return answer


class _Answer:
    """What is known once somebody has asked; who asks for the same meanwhile waits for it."""

    def __init__(self) -> None:
        self._lock, self._known = threading.Lock(), list[Any]()

    def once(self, ask: Callable[[], Any]) -> Any:
        with self._lock:
            if not self._known:
                self._known.append(ask())
            return self._known[0]


def _hashable(argument: Any) -> Hashable:
    return tuple(sorted(argument.items())) if isinstance(argument, dict) else cast(Hashable, argument)
