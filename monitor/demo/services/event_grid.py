"""A simulation of Azure: Event Grid's topology and figures, as its management API and Azure Monitor answer by HTTP.

It is no Event Grid: it delivers nothing, and keeps what it is told. Its answers have the shapes that Microsoft's
reference documents; there is no emulator that has them.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

#: What is done instead of answering a request.
Fault = Callable[[BaseHTTPRequestHandler], None]
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
GROUP, LOCATION = "shop", "westeurope"
#: The id of a role that may write blobs.
BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
#: Of the metrics that it counts. Latencies are means, all others sums.
MEANS = ("DestinationProcessingDurationInMs", "PublishSuccessLatencyInMs", "PublishLatencyInMilliseconds")
Json = dict[str, Any]

_TOPIC_METRICS = (
    "AdvancedFilterEvaluationCount", "DeadLetteredCount", "DeliveryAttemptFailCount", "DeliverySuccessCount",
    "DestinationProcessingDurationInMs", "DroppedEventCount", "MatchedEventCount", "PublishFailCount",
    "PublishSuccessCount", "PublishSuccessLatencyInMs", "ServerDeliverySuccessRate", "UnmatchedEventCount",
)  # fmt: skip
#: Metrics by the type of resource, as Microsoft's generated pages list them in July 2026.
DEFINED = {
    "topics": _TOPIC_METRICS,
    "systemTopics": _TOPIC_METRICS,
    "partnerTopics": _TOPIC_METRICS,
    "domains": tuple(name for name in _TOPIC_METRICS if name != "UnmatchedEventCount"),
    "namespaces": (
        "AcknowledgeLatencyInMilliseconds", "DeadLetteredCount", "DroppedEventCount", "FailedAcknowledgedEvents",
        "FailedPublishedEvents", "FailedReceivedEvents", "FailedReleasedEvents", "MatchedEventCount",
        "NamespaceThroughputUnits", "PublishLatencyInMilliseconds", "ReceiveLatencyInMilliseconds",
        "RejectLatencyInMilliseconds", "SuccessfulAcknowledgedEvents", "SuccessfulPublishedEvents",
        "SuccessfulReceivedEvents", "SuccessfulReleasedEvents", "UnmatchedEventCount",
    ),
}  # fmt: skip


def resource_id(kind: str, name: str, subscription: str = SUBSCRIPTION, group: str = GROUP) -> str:
    """The id of a topic, domain or namespace."""
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.EventGrid/{kind}/{name}"


class SimulatedAzure:
    """`lists` are answered in pages by their paths, `documents` as they are; `faults` go before both, by what an
    address holds. Figures come `delay` seconds after the end of their minute. All paths are lower-cased."""

    def __init__(self, clock: Callable[[], float] = time.time, delay: float = 0.0, page: int = 100) -> None:
        self.clock, self.delay, self.page = clock, delay, page
        self.lists: dict[str, list[Json]] = {}
        self.documents: dict[str, Json] = {}
        self.faults: dict[str, Fault] = {}
        self.asked: list[str] = []
        #: Names of metrics by the type of resource, as their definitions tell.
        self.defined: dict[str, tuple[str, ...]] = dict(DEFINED)
        #: Of single metrics, the error that stands in an answer that is right otherwise.
        self.failing: dict[str, str] = {}
        self.url = ""
        #: By resource, metric and dimensions: of each minute the sum, and of how many.
        self._told: dict[tuple[str, str, tuple[tuple[str, str], ...]], dict[int, tuple[float, int]]] = {}
        self._lock = threading.Lock()

    def add(self, kind: str, name: str, *, location: str = LOCATION, of: str = GROUP, **properties: Any) -> str:
        """Make a topic, domain or namespace; returns its id. `identity` is beside its properties."""
        identity = properties.pop("identity", None)
        id = resource_id(kind, name, group=of)
        item = {**_item(id, name, properties), "location": location, "identity": identity}
        base = f"/subscriptions/{SUBSCRIPTION}"
        for path in (base, f"{base}/resourceGroups/{of}"):
            self.lists.setdefault(f"{path}/providers/Microsoft.EventGrid/{kind}".lower(), []).append(item)
        return id

    def add_topic(self, owner: str, name: str, **properties: Any) -> str:
        """Make a topic of a domain or namespace; returns its id."""
        item = _item(f"{owner}/topics/{name}", name, properties)
        self.lists.setdefault(f"{owner}/topics".lower(), []).append(item)
        return str(item["id"])

    def subscribe(self, owner: str, name: str, **properties: Any) -> None:
        """Make an event subscription of a topic, domain or topic of one."""
        item = _item(f"{owner}/eventSubscriptions/{name}", name, properties)
        self.lists.setdefault(f"{owner}/eventSubscriptions".lower(), []).append(item)

    def count(self, id: str, metric: str, value: float, **dimensions: str) -> None:
        """Count something of a resource, in this minute."""
        self.count_at(self.clock(), id, metric, value, **dimensions)

    def count_at(self, at: float, id: str, metric: str, value: float, **dimensions: str) -> None:
        """The same, in the minute of a time."""
        minute = int(at // 60 * 60)
        key = (id.lower(), metric, tuple(sorted(dimensions.items())))
        with self._lock:
            minutes = self._told.setdefault(key, {})
            total, number = minutes.get(minute, (0.0, 0))
            minutes[minute] = (total + value, number + 1)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        url = urlsplit(request.path)
        path, query = unquote(url.path).lower(), {key: one[0] for key, one in parse_qs(url.query).items()}
        self.asked.append(request.path)
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        address = unquote(request.path).lower()
        fault = next((fault for part, fault in self.faults.items() if part.lower() in address), None)
        if fault is not None:
            fault(request)
        elif not (request.headers.get("Authorization") or "").startswith("Bearer "):
            refuse(
                request, 401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
            )
        elif path.endswith("/metrics:getbatch"):
            send(request, 200, {"values": [self._result(one, query) for one in json.loads(body)["resourceids"]]})
        elif path.endswith("/providers/microsoft.insights/metricdefinitions"):
            kind = path.split("/")[7]
            names = next((names for known, names in self.defined.items() if known.lower() == kind), ())
            send(request, 200, {"value": [{"name": {"value": name}} for name in names]})
        elif path in self.lists or path.endswith("s"):
            self._send_page(request, path, query)
        elif path in self.documents:
            send(request, 200, self.documents[path])
        else:
            refuse(request, 404, "ResourceNotFound", f"The Resource '{path}' was not found.")

    def _send_page(self, request: BaseHTTPRequestHandler, path: str, query: Mapping[str, str]) -> None:
        at = int(query.get("$skiptoken", 0))
        items = self.lists.get(path, [])
        body: Json = {"value": items[at : at + self.page]}
        if at + self.page < len(items):
            body["nextLink"] = f"{self.url}{path}?{urlencode({**query, '$skiptoken': at + self.page})}"
        send(request, 200, body)

    def _result(self, id: str, query: Mapping[str, str]) -> Json:
        start, end = _epoch(query["starttime"]), _epoch(query["endtime"])
        asked = [part.split(" eq ")[0] for part in query.get("filter", "").split(" and ") if part]
        top = int(query.get("top", 10))
        values = []
        for name in query["metricnames"].split(","):
            series = self._series(id.lower(), name, asked, start, end)
            values.append(
                {
                    "id": f"{id}/providers/Microsoft.Insights/metrics/{name}",
                    "type": "Microsoft.Insights/metrics",
                    "name": {"value": name, "localizedValue": name},
                    "unit": "Count",
                    "timeseries": series[:top] if asked else series,
                    "errorCode": self.failing.get(name, "Success"),
                }
            )
        return {
            "starttime": query["starttime"], "endtime": query["endtime"], "interval": "PT1M", "cost": 0,
            "namespace": query["metricnamespace"], "resourceid": id, "value": values,
        }  # fmt: skip

    def _series(self, id: str, name: str, asked: list[str], start: float, end: float) -> list[Json]:
        """By the dimensions that are asked for; sums of all others."""
        seen = self.clock() - self.delay - 60
        found: dict[tuple[tuple[str, str], ...], dict[int, tuple[float, int]]] = {}
        with self._lock:
            for key, minutes in self._told.items():
                if key[:2] != (id, name):
                    continue
                labels = tuple((one, dict(key[2]).get(one, "")) for one in asked)
                points = found.setdefault(labels, {})
                for minute, (value, number) in minutes.items():
                    if start <= minute < end and minute <= seen:
                        total, count = points.get(minute, (0.0, 0))
                        points[minute] = (total + value, count + number)
        return [
            {
                "metadatavalues": [{"name": {"value": one.lower()}, "value": value} for one, value in labels],
                "data": [
                    _point(name, minute, *points.get(minute, (0.0, 0))) for minute in range(*_minutes(start, end))
                ],
            }
            for labels, points in found.items()
            if points or not asked
        ]


def _item(id: str, name: str, properties: Json) -> Json:
    return {"id": id, "name": name, "properties": {"provisioningState": "Succeeded", **properties}}


def _point(name: str, minute: int, total: float, count: int) -> Json:
    """A minute of which nothing is known has a time only."""
    point: Json = {"timeStamp": datetime.fromtimestamp(minute, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    if count:
        point |= {"average": total / count} if name in MEANS else {"total": total}
    return point


def _minutes(start: float, end: float) -> tuple[int, int, int]:
    return int(start // 60 * 60), int(end), 60


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def send(request: BaseHTTPRequestHandler, status: int, body: Json, **headers: str) -> None:
    data = json.dumps(body).encode()
    request.send_response(status)
    for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(data)


def refuse(request: BaseHTTPRequestHandler, status: int, code: str, message: str, **headers: str) -> None:
    """An error as the management API tells it."""
    send(request, status, {"error": {"code": code, "message": message}}, **headers)


@contextmanager
def simulated_azure(azure: SimulatedAzure | None = None) -> Iterator[SimulatedAzure]:
    """The simulation on a free port; it ends with this block."""
    served = azure or SimulatedAzure()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet

        def do_GET(self) -> None:
            served.answer(self)

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
