"""/metrics: bytes rendered once a cycle and served from memory to any number of scrapers.

Text format 0.0.4 and, by negotiation, OpenMetrics 1.0. A target's lines are rendered when its scrape comes;
a page is put together from them, and is compressed when the first scraper asks for it so.
"""

from __future__ import annotations

import gzip
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import accumulate

from collectors.base import Histogram, Metric, Sample, Scrape
from collectors.handlers.geometry import MANY_BOUNDS, halved
from collectors.metrics import METRICS

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


class ExporterError(Exception):
    """The exporter cannot listen on its address."""


#: Exposition lines by metric.
Lines = dict[Metric, str]


def render_lines(target: str, system: str, samples: Iterable[Sample], histograms: Iterable[Histogram] = ()) -> Lines:
    """The exposition lines of one target."""
    common = f'target="{_escape(target)}",system="{_escape(system)}"'
    lines: dict[Metric, list[str]] = defaultdict(list)
    for metric, labels, value in samples:
        own = "".join(f',{name}="{_escape(text)}"' for name, text in zip(metric.labels, labels, strict=True))
        lines[metric].append(f"{metric.exposed_name}{{{common}{own}}} {_number(value)}\n")
    for one in histograms:
        own = "".join(f',{name}="{_escape(text)}"' for name, text in zip(one.metric.labels, one.labels, strict=True))
        lines[one.metric].append(_histogram_lines(one, common + own))
    return {metric: "".join(rows) for metric, rows in lines.items()}


def _histogram_lines(one: Histogram, labels: str) -> str:
    name = one.metric.exposed_name
    bounds, counts = halved(one.bounds, one.counts) if len(one.bounds) > MANY_BOUNDS else (one.bounds, one.counts)
    until = list(accumulate(counts))
    buckets = [f'{name}_bucket{{{labels},le="{le}"}} {count}\n' for le, count in zip(_le(bounds), until, strict=True)]
    return f"{''.join(buckets)}{name}_sum{{{labels}}} {_number(one.sum)}\n{name}_count{{{labels}}} {until[-1]}\n"


@lru_cache(maxsize=64)
def _le(bounds: tuple[float, ...]) -> tuple[str, ...]:
    """Bounds as they are written; OpenMetrics wants a point in each."""
    return (*(repr(float(bound)) for bound in bounds), "+Inf")


def render_page(targets: Iterable[Lines], openmetrics: bool) -> bytes:
    """A whole page: families in the order of the vocabulary, then foreign ones, each with its header once."""
    parts: list[str] = []
    pages = list(targets)
    foreign = {metric: None for page in pages for metric in page if metric.foreign}
    for metric in (*METRICS.values(), *foreign):
        rows = [page[metric] for page in pages if metric in page]
        if rows:
            parts.append(_header(metric, openmetrics))
            parts += rows
    if openmetrics:
        parts.append("# EOF\n")
    return "".join(parts).encode()


def _header(metric: Metric, openmetrics: bool) -> str:
    name = metric.exposed_name
    if openmetrics and metric.kind == "counter":
        name = name.removesuffix("_total")
    unit = f"# UNIT {name} {metric.unit}\n" if openmetrics and metric.unit and name.endswith(f"_{metric.unit}") else ""
    help_text = metric.help.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {help_text}\n# TYPE {name} {metric.kind}\n{unit}"


def _escape(value: str) -> str:
    return value.translate(_ESCAPES) if '"' in value or "\\" in value or "\n" in value else value


def _number(value: float) -> str:
    try:
        return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
    except (ValueError, OverflowError):
        return "NaN" if value != value else "+Inf" if value > 0 else "-Inf"


@dataclass(frozen=True)
class Page:
    """One page in the making: each form of it is rendered at most once."""

    targets: tuple[Lines, ...] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False)

    @cached_property
    def text(self) -> bytes:
        return render_page(self.targets, openmetrics=False)

    @cached_property
    def openmetrics(self) -> bytes:
        return render_page(self.targets, openmetrics=True)

    @cached_property
    def text_gzip(self) -> bytes:
        return gzip.compress(self.text, compresslevel=1)

    @cached_property
    def openmetrics_gzip(self) -> bytes:
        return gzip.compress(self.openmetrics, compresslevel=1)

    def form(self, openmetrics: bool, compressed: bool) -> bytes:
        name = ("openmetrics" if openmetrics else "text") + ("_gzip" if compressed else "")
        with self._lock:
            body: bytes = getattr(self, name)
        return body


class Exporter:
    """Holds the current page and serves it."""

    def __init__(self, ready: Callable[[], bool] = lambda: True) -> None:
        self.page = Page()
        self.ready = ready
        self._lines: dict[str, Lines] = {}
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None

    def update(self, scrape: Scrape, samples: Iterable[Sample]) -> None:
        """Replace what is shown of the target: samples, and the scrape's histograms. What it no longer has, ends."""
        lines = render_lines(scrape.target, scrape.system, samples, scrape.reading.histograms)
        with self._lock:
            self._lines[scrape.target] = lines
            self.page = Page(tuple(self._lines.values()))

    def serve(self, listen: str) -> str:
        """Serve in the background; returns the address. Raises ExporterError when it cannot be had."""
        host, _, port = listen.rpartition(":")
        try:
            self._server = ThreadingHTTPServer((host.strip("[]"), int(port)), _handler(self))
        except OSError as error:
            raise ExporterError(f"exporter.listen: cannot listen on {listen}: {error.strerror or error}") from None
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="exporter", daemon=True).start()
        return f"{host}:{self._server.server_address[1]}"

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


def _handler(exporter: Exporter) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self._metrics()
            elif path == "/-/healthy":
                self._answer(200, b"healthy\n")
            elif path == "/-/ready":
                ready = exporter.ready()
                self._answer(200 if ready else 503, b"ready\n" if ready else b"no target has been read yet\n")
            else:
                self._answer(404, b"not found; there are /metrics, /-/healthy and /-/ready\n")

        def _metrics(self) -> None:
            openmetrics = "application/openmetrics-text" in self.headers.get("Accept", "")
            compressed = "gzip" in self.headers.get("Accept-Encoding", "")
            body = exporter.page.form(openmetrics, compressed)
            self._answer(200, body, OPENMETRICS if openmetrics else TEXT, compressed)

        def _answer(self, status: int, body: bytes, kind: str = "text/plain", compressed: bool = False) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Vary", "Accept, Accept-Encoding")
            if compressed:
                self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Scrapes are not worth a line each."""

    return Handler
