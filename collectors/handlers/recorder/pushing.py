"""What this process counted, sent as OTLP/HTTP JSON: for jobs that end before anybody scrapes them.

Temporality is delta: every push holds what none before it held. One whose answer did not come is sent again as it was,
byte for byte, before anything newer, so that a receiver can tell that it has it already.
"""

from __future__ import annotations

import atexit
import http.client
import json
import operator
import os
import random
import threading
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from collectors.handlers.geometry import BOUNDS
from collectors.handlers.recorder import layout
from collectors.handlers.recorder.layout import Name
from collectors.handlers.recorder.naming import default_service
from collectors.handlers.recorder.process import RECORDER, Labels, labels_of

#: Answers after which the same may be sent again (OTLP specification); others are final.
_RETRYABLE = (429, 502, 503, 504)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0
_DELTA = 1

#: Metric -> (labels, its numbers) of every series that changed.
Changes = dict[Name, list[tuple[Labels, Sequence[float]]]]


class PushError(Exception):
    """What was counted could not be pushed. `final` when the receiver refused it, else it is sent again next time.

    `pause` is for how many seconds the receiver asked.
    """

    def __init__(self, message: str, final: bool, pause: float = 0.0) -> None:
        super().__init__(message)
        self.final = final
        self.pause = pause


class Outbox:
    """What of this process's numbers was pushed, and what is on its way."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._pushed: dict[bytes, list[float]] = {}
        self._until = RECORDER.started
        self._waiting: bytes | None = None

    def push(self, send: Callable[[bytes], None], now: float) -> None:
        """Send what was not sent before. Raises PushError."""
        if self._waiting is not None:
            self._deliver(self._waiting, send)
        counted = RECORDER.own_totals().records
        changes = _changes(self._pushed, counted)
        until = max(now, self._until + 1e-6)
        if not changes:
            return
        body = json.dumps(_request(changes, self._until, until)).encode()
        before = self._pushed, self._until
        self._pushed, self._until = counted, until
        try:
            self._deliver(body, send)
        except PushError as error:
            if error.final:
                self._pushed, self._until = before
            raise

    def _deliver(self, body: bytes, send: Callable[[bytes], None]) -> None:
        self._waiting = body
        try:
            send(body)
        except PushError as error:
            if error.final:
                self._waiting = None
            raise
        self._waiting = None


def push(
    url: str,
    *,
    timeout: float = 10.0,
    headers: Mapping[str, str] | None = None,
    at_exit: bool = False,
    raise_errors: bool = False,
) -> bool:
    """Send what this process counted and did not push yet to `url`/v1/metrics; True when it was taken.

    It takes `timeout` seconds at most, with all repetitions. With `at_exit` it is done when the program ends. Raises
    PushError with `raise_errors`; else what goes wrong is logged, and counted.
    """
    try:
        if at_exit:
            atexit.register(push, url, timeout=timeout, headers=headers)
            return True
        with _outbox.lock:
            _outbox.push(_sender(url, time.monotonic() + timeout, headers or {}), time.time())
        return True
    except PushError as error:
        if raise_errors:
            raise
        RECORDER.complain("pushing", error)
    except Exception as error:
        if raise_errors:
            raise PushError(f"push to {url}: {error}", final=False) from error
        RECORDER.complain("pushing", error)
    return False


def _sender(url: str, deadline: float, headers: Mapping[str, str]) -> Callable[[bytes], None]:
    """Sends a body, the same again as long as the receiver only asks for patience. Raises PushError."""
    address = url if url.rstrip("/").endswith("/v1/metrics") else url.rstrip("/") + "/v1/metrics"
    if not address.startswith(("http://", "https://")):
        raise PushError(f"push takes an http or https URL, not {url!r}", final=True)

    def send(body: bytes) -> None:
        pause = _FIRST_PAUSE
        while True:
            left = deadline - time.monotonic()
            try:
                return _post(address, body, headers, max(left, 0.1))
            except PushError as error:
                wait = max(pause * random.uniform(0.5, 1.0), error.pause)
                if error.final or time.monotonic() + wait >= deadline:
                    raise
            time.sleep(wait)
            pause = min(pause * 2, _LONGEST_PAUSE)

    return send


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        """A page to log in on is no receiver."""


_opener = urllib.request.build_opener(_NoRedirect)


def _post(address: str, body: bytes, headers: Mapping[str, str], timeout: float) -> None:
    request = urllib.request.Request(address, body, {"Content-Type": "application/json", **headers})
    try:
        with _opener.open(request, timeout=timeout) as response:
            answer = response.read(1 << 16)
    except urllib.error.HTTPError as error:
        with error:
            pause = error.headers.get("Retry-After", "")
        final = error.code not in _RETRYABLE
        asked = float(pause) if pause.isdecimal() else 0.0
        raise PushError(f"push to {address}: HTTP {error.code}", final, asked) from None
    except (OSError, http.client.HTTPException) as error:
        raise PushError(f"push to {address}: {getattr(error, 'reason', error)}", final=False) from None
    _look_for_rejected(answer)


def _look_for_rejected(answer: bytes) -> None:
    """A receiver may take a part only; what it rejects it would reject again."""
    try:
        partial = json.loads(answer or b"{}").get("partialSuccess") or {}
        rejected = int(partial.get("rejectedDataPoints", 0))
    except (ValueError, AttributeError, TypeError):
        return
    if rejected:
        error = PushError(f"the receiver rejected {rejected} points: {partial.get('errorMessage', '')}", final=True)
        RECORDER.complain("pushing", error)


def _changes(before: dict[bytes, list[float]], now: dict[bytes, list[float]]) -> Changes:
    """What was counted between two states of the same process."""
    changes: Changes = defaultdict(list)
    for key, numbers in now.items():
        rise = [*map(operator.sub, numbers, before.get(key, [0.0] * len(numbers)))]
        metric, *labels = labels_of(key)
        if metric:
            if rise[0] and metric in layout.COUNTERS:
                changes[layout.COUNTERS[metric]].append((tuple(labels), rise))
            continue
        for name, own, part in _parts(tuple(labels), rise):
            changes[name].append((own, part))
        if rise[layout.LAST_SUCCESS]:
            changes[layout.LAST_SUCCESS_AT].append((tuple(labels), numbers[layout.LAST_SUCCESS :]))
    return changes


def _parts(labels: Labels, rise: list[float]) -> Iterator[tuple[Name, Labels, list[float]]]:
    """The distributions and counters of a handler that rose."""
    for at, outcome in enumerate(layout.OUTCOMES):
        if spread := _spread(rise, at * layout.DISTRIBUTION):
            yield layout.DURATION, (*labels, outcome), spread
        if events := rise[layout.EVENTS + at]:
            yield layout.EVENTS_TOTAL, (*labels, outcome), [events]
    if spread := _spread(rise, layout.QUEUE):
        yield layout.QUEUE_TIME, labels, spread


def _spread(rise: list[float], first: int) -> list[float]:
    spread = rise[first : first + layout.DISTRIBUTION]
    return spread if any(spread) else []


def _request(changes: Changes, since: float, until: float) -> dict[str, Any]:
    """An ExportMetricsServiceRequest: a resource a service."""
    services: dict[str, Changes] = defaultdict(lambda: defaultdict(list))
    for name, series in changes.items():
        for labels, numbers in series:
            service = labels[0] if name.labels[0] == "service" else default_service()
            services[service][name].append((labels, numbers))
    return {"resourceMetrics": [_resource(service, own, since, until) for service, own in services.items()]}


def _resource(service: str, changes: Changes, since: float, until: float) -> dict[str, Any]:
    identity = {"service.name": service, "service.instance.id": RECORDER.instance}
    return {
        "resource": {"attributes": _attributes(identity)},
        "scopeMetrics": [
            {
                "scope": {"name": "eda-monitor"},
                "metrics": [_metric(name, series, since, until) for name, series in changes.items()],
            }
        ],
    }


def _metric(name: Name, series: list[tuple[Labels, Sequence[float]]], since: float, until: float) -> dict[str, Any]:
    times = {"startTimeUnixNano": _nano(since), "timeUnixNano": _nano(until)}
    points = []
    for labels, numbers in series:
        point = {"attributes": _attributes(dict(zip(name.labels, labels, strict=True))), **times}
        points.append(point | (_buckets(numbers) if name.kind == "histogram" else {"asDouble": numbers[0]}))
    told: dict[str, Any] = {"name": name.name, "description": name.help, "unit": _UNITS[name.kind]}
    if name.kind == "gauge":
        return told | {"gauge": {"dataPoints": points}}
    if name.kind == "histogram":
        return told | {"histogram": {"dataPoints": points, "aggregationTemporality": _DELTA}}
    return told | {"sum": {"dataPoints": points, "aggregationTemporality": _DELTA, "isMonotonic": True}}


_UNITS = {"counter": "", "gauge": "s", "histogram": "s"}


def _buckets(spread: Sequence[float]) -> dict[str, Any]:
    counts = [int(number) for number in spread[: layout.SUM]]
    return {
        "count": str(sum(counts)),
        "sum": spread[layout.SUM],
        "bucketCounts": [str(count) for count in counts],
        "explicitBounds": list(BOUNDS),
    }


def _attributes(labels: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"key": name, "value": {"stringValue": value}} for name, value in labels.items()]


def _nano(seconds: float) -> str:
    return str(int(seconds * 1e9))


#: That of this process; a forked child has its own.
_outbox = Outbox()


def begin_in_child() -> None:
    """What was not pushed before the fork is the parent's to push."""
    global _outbox
    _outbox = Outbox()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=begin_in_child)
