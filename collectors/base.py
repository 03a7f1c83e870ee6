"""What every collector shares: the sample model, the collector's contract and its errors.

Nothing here reads a broker, and nothing here knows of the service that uses the collectors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Protocol
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

Kind = Literal["gauge", "counter", "histogram"]


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """A row of the vocabulary. `labels` are its own; every series also carries `target` and `system`.

    A `foreign` one is not of the vocabulary: it speaks the name of another program, and is exposed, not stored.
    """

    name: str
    kind: Kind
    unit: str
    help: str
    labels: tuple[str, ...] = ()
    foreign: bool = False

    @property
    def exposed_name(self) -> str:
        """The name on `/metrics`, without the suffixes of OpenMetrics."""
        return self.name if self.foreign else f"eda_{self.name}"

    def sample(self, value: float, *labels: str) -> Sample:
        """A reading of this metric; raises ValueError when the labels are not those declared."""
        self._must_fit(labels)
        return Sample(self, labels, value)

    def histogram(self, bounds: tuple[float, ...], counts: tuple[int, ...], total: float, *labels: str) -> Histogram:
        """A reading of this metric of kind histogram; raises ValueError when it does not fit together."""
        self._must_fit(labels)
        if self.kind != "histogram" or len(counts) != len(bounds) + 1:
            raise ValueError(f"{self.name}: {len(counts)} buckets do not fit {len(bounds)} bounds")
        return Histogram(self, labels, bounds, counts, total)

    def _must_fit(self, labels: tuple[str, ...]) -> None:
        if len(labels) != len(self.labels):
            raise ValueError(f"{self.name} takes the labels {self.labels}, not {labels}")


class Sample(NamedTuple):
    """One reading: label values stand in the order of `metric.labels`."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


class Histogram(NamedTuple):
    """One reading of a metric of kind histogram: how many events ever fell into which bucket.

    `bounds` are upper bounds, inclusive and rising, without +Inf. `counts` are those of each bucket alone, one more
    than there are bounds: the last is of what lay above them all. `sum` is in the unit of the metric.
    """

    metric: Metric
    labels: tuple[str, ...]
    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    sum: float


class Skipped(NamedTuple):
    """Something that was left out on purpose or of necessity: what it is called, and why."""

    what: str
    reason: str


class PartError(NamedTuple):
    """An independent part of a collect that failed, while the rest is right."""

    part: str
    message: str


@dataclass(slots=True)
class Reading:
    """What one collect brought.

    `memory` holds what the collector wants to be given again after a restart, by key: it is
    stored in the transaction of the samples; `None` forgets the key. `phases` are seconds by
    name, `requests` counts the requests sent to the broker.
    """

    samples: list[Sample] = field(default_factory=list)
    histograms: list[Histogram] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    errors: list[PartError] = field(default_factory=list)
    requests: int = 0
    phases: dict[str, float] = field(default_factory=dict)
    memory: dict[str, bytes | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scrape:
    """The outcome of one collect of a target: its reading, or the error that left it without one.

    `started_at` is UTC epoch seconds. With an `error` the reading is empty of samples:
    unknown is not zero.
    """

    target: str
    system: str
    started_at: float
    duration_seconds: float
    reading: Reading
    error: str | None = None

    @property
    def ok(self) -> bool:
        return self.error is None


class CollectError(Exception):
    """A target could not be read. The message names what was tried, and holds no secret."""


_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(value: object) -> float:
    """Seconds of a duration such as `"15s"`, `"500ms"`, `"2m"`; a bare number is seconds. Raises ValueError."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a duration; expected a number with ms, s, m, h or d, such as '15s'")
    return float(match[1]) * _SECONDS[match[2]]


#: Seconds, written in configuration as "15s".
Duration = Annotated[float, BeforeValidator(parse_duration), Field(gt=0)]


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
    return pattern


def readable(file: Path | None) -> Path | None:
    """The file, when it can be read as text: PEM or a secret. Raises ValueError."""
    try:
        if file is not None:
            file.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"the file {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"the file {file} is not text; expected PEM or a secret in UTF-8") from None
    return file


def http_url(value: str, instead: str) -> str:
    """The URL, when it is one of HTTP without a login; `instead` says where that belongs. Raises ValueError."""
    url = urlsplit(value)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError(f"{value!r} is not a URL; expected http://host:port or https://host:port")
    if "@" in url.netloc:
        raise ValueError(f"no login belongs into the URL; expected {instead}")
    return value


Pattern = Annotated[str, AfterValidator(_compiles)]


class Settings(BaseModel):
    """A part of the configuration: read once, never changed, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class TargetSettings(Settings):
    """What every target has, whatever its kind."""

    name: Annotated[str, Field(min_length=1)]
    kind: str
    interval: Duration = 15.0
    timeout: Duration = 10.0


class Filter(Settings):
    """Which names to read: full-match regular expressions, exclusion wins."""

    include: tuple[Pattern, ...] = (".*",)
    exclude: tuple[Pattern, ...] = ()

    def admits(self, name: str) -> bool:
        return any(re.fullmatch(p, name, re.S) for p in self.include) and not any(
            re.fullmatch(p, name, re.S) for p in self.exclude
        )


class Finding(NamedTuple):
    """One line of `check`: `ok` false needs a `hint` that says exactly what to change."""

    ok: bool
    what: str
    hint: str = ""


class Collector(Protocol):
    """Reads one target. It never writes to a broker.

    A collector is used by one thread. It may keep connections between collects; it must
    bound every call by the deadline it is given.
    """

    #: OpenTelemetry's `messaging.system` value.
    system: str
    #: The settings model its targets are validated with.
    Settings: type[TargetSettings]

    def collect(self, now: float, deadline: float) -> Reading:
        """Read the target once.

        `now` is UTC epoch seconds; `deadline` is a time of `time.monotonic()`.
        One bad group, queue or topic becomes a `PartError`; raises CollectError when nothing can be read.
        """

    def restore(self, memory: Mapping[str, bytes]) -> None:
        """Take back what earlier readings asked to remember, once, before the first collect."""

    def check(self, deadline: float) -> list[Finding]:
        """Say for each thing the collector needs whether it can be had."""

    def close(self) -> None:
        """Let go of all connections. May be called at any time, more than once."""
