"""A Grafana made of its documented answers, over real HTTP; what it is asked of data it asks a real Prometheus.

What differs between versions 11, 12 and 13 is in here too: who may be read how, which keys are known, what is refused.
"""

from __future__ import annotations

import base64
import json
import math
import re
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

TOKEN = "glsa_of-a-service-account"
#: The header of a user of that name, with the password "horse".
LOGIN = "Basic " + base64.b64encode(b"admin:horse").decode()
SCRAPE_SECONDS = 15.0
#: Keys of a rule that Grafana 11 takes and forgets.
YOUNG = ("keep_firing_for", "missingSeriesEvalsToResolve")
Answer = tuple[int, Any]
A_PROMETHEUS = {"id": 1, "uid": "prom-1", "name": "Prometheus", "type": "prometheus", "isDefault": True}


@dataclass
class Board:
    model: dict[str, Any]
    folder: str
    saves: list[dict[str, Any]] = field(default_factory=list)
    is_provisioned: bool = False
    #: Saved by its editor in the form that came with Grafana 13.
    is_v2: bool = False


@dataclass
class FakeGrafana:
    """Its state, which a test may look at and change as a person would."""

    version: str = "12.4.0"
    prefix: str = ""
    prometheus: str = ""
    url: str = ""
    folders: dict[str, str] = field(default_factory=dict)
    boards: dict[str, Board] = field(default_factory=dict)
    groups: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    datasources: list[dict[str, Any]] = field(default_factory=lambda: [dict(A_PROMETHEUS)])
    #: Asked before each answer: what it returns is answered instead, text as HTML.
    trouble: Callable[[str, str], Answer | None] = lambda method, path: None
    #: Called after a dashboard was read, and before it is saved.
    meanwhile: Callable[[], None] = lambda: None
    requests: list[tuple[str, str]] = field(default_factory=list)
    slow_seconds: float = 0.0
    client: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=30), repr=False)

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [one for one in self.requests if one[0] != "GET" and not one[1].endswith("/ds/query")]

    def edit(self, uid: str, by: str = "anna", message: str = "", **changes: Any) -> None:
        """What a person does on the dashboard's page."""
        board = self.boards[uid]
        board.model |= changes
        self._note(board, by, message)

    def add(self, model: Mapping[str, Any], folder: str, by: str = "anna") -> None:
        """A dashboard that a person made."""
        self.boards[model["uid"]] = Board(dict(model), folder)
        self._note(self.boards[model["uid"]], by, "")

    def _note(self, board: Board, by: str, message: str) -> None:
        number = len(board.saves) + 1
        at = f"2026-11-26T12:00:{number:02}Z"
        board.saves.insert(0, {"version": number, "message": message, "createdBy": by, "created": at})
        board.model["version"] = number

    # -- answers, by method and path --

    def answer(self, method: str, path: str, query: Mapping[str, list[str]], body: Any) -> Answer:
        for known, pattern, name in _ROUTES:
            if known == method and (match := re.fullmatch(pattern, path)):
                found: Answer = getattr(self, name)(*match.groups(), query=query, body=body)
                return found
        return 404, {"message": "Not found"}

    def read_folder(self, uid: str, **_: Any) -> Answer:
        if uid not in self.folders:
            return 404, {"message": "folder not found", "status": "not-found"}
        return 200, {"uid": uid, "title": self.folders[uid], "version": 1}

    def make_folder(self, body: Any, **_: Any) -> Answer:
        if body["uid"] in self.folders:
            return 412, {"message": "The folder has been changed by someone else", "status": "version-mismatch"}
        if body["title"] in self.folders.values():
            return 409, {"message": "a folder with the same name already exists in the current location"}
        self.folders[body["uid"]] = body["title"]
        return 200, {"uid": body["uid"], "title": body["title"]}

    def read_board(self, uid: str, **_: Any) -> Answer:
        board = self.boards.get(uid)
        if board is None:
            return 404, {"message": "Dashboard not found", "status": "not-found"}
        if board.is_v2 and self.major > 11:
            instead = f"/apis/dashboard.grafana.app/v2/namespaces/default/dashboards/{uid}"
            return 406, {"message": f"dashboard api version not supported, use {instead} instead"}
        meta = {"folderUid": board.folder, "version": len(board.saves), "provisioned": board.is_provisioned}
        if self.major > 11:
            meta["apiVersion"] = "v1beta1"
        return 200, {"dashboard": self._as_read(board), "meta": meta}

    def read_resource(self, uid: str, **_: Any) -> Answer:
        board = self.boards.get(uid)
        if board is None or self.major < 12:
            return 404, {"kind": "Status", "message": "not found", "code": 404}
        return 200, {
            "kind": "Dashboard",
            "apiVersion": "dashboard.grafana.app/v1beta1",
            "metadata": {"name": uid, "annotations": {"grafana.app/folder": board.folder}},
            "spec": {name: value for name, value in self._as_read(board).items() if name not in ("uid", "id")},
        }

    def _as_read(self, board: Board) -> dict[str, Any]:
        """From 12 on what is read was migrated to the newest form, whatever was saved."""
        young = {"schemaVersion": 42, "preload": False} if self.major > 11 else {}
        return {**board.model, **young, "id": 7}

    def read_history(self, uid: str, **_: Any) -> Answer:
        if uid not in self.boards:
            return 404, {"message": "Dashboard not found"}
        saves = self.boards[uid].saves
        return 200, {"continueToken": "", "versions": saves} if self.version >= "11.3" else saves

    def save_board(self, body: Any, **_: Any) -> Answer:
        self.meanwhile()
        model, uid = body["dashboard"], body["dashboard"].get("uid")
        if not model.get("title"):
            return 400, {"message": "Dashboard title cannot be empty", "status": "empty-name"}
        if body.get("folderUid") not in self.folders:
            return 400, {"message": "folder not found"}
        if uid in self.folders and self.major < 12:  # one table for both
            return 400, {"message": "A folder already exists with that uid"}
        board = self.boards.get(uid)
        if board is not None and board.is_provisioned:
            return 400, {"message": "Cannot save provisioned dashboard"}
        if board is not None and not body["overwrite"] and model.get("version") != len(board.saves):
            return 412, {"status": "version-mismatch", "message": "The dashboard has been changed by someone else"}
        saves = [] if board is None else board.saves
        self.boards[uid] = Board(dict(model), body["folderUid"], saves)
        self._note(self.boards[uid], "sa-eda-monitor", body.get("message", ""))
        return 200, {"uid": uid, "url": f"/d/{uid}", "status": "success", "version": len(saves), "id": 7}

    def delete_board(self, uid: str, **_: Any) -> Answer:
        if self.boards.pop(uid, None) is None:
            return 404, {"message": "Dashboard not found"}
        return 200, {"title": uid, "message": f"Dashboard {uid} deleted"}

    def search(self, query: Mapping[str, list[str]], **_: Any) -> Answer:
        assert query["type"] == ["dash-db"]
        return 200, [
            {"uid": uid, "title": board.model["title"], "folderUid": board.folder, "tags": board.model.get("tags", [])}
            for uid, board in sorted(self.boards.items())
            if board.folder in query["folderUIDs"] and query["tag"][0] in board.model.get("tags", [])
        ]

    def list_datasources(self, **_: Any) -> Answer:
        return 200, self.datasources

    def read_group(self, folder: str, group: str, **_: Any) -> Answer:
        found = self.groups.get((folder, group))
        return (200, found) if found is not None else (404, {"message": "rule group not found"})

    def save_group(self, folder: str, group: str, body: Any, **_: Any) -> Answer:
        if folder not in self.folders:
            return 404, {"message": "folder does not exist"}
        if not isinstance(body["interval"], int):
            return 400, {"message": "bad request data"}
        rules = [{**rule, "id": number, "provenance": "api"} for number, rule in enumerate(body["rules"], start=1)]
        for rule in rules:
            rule["for"] = _as_written(rule["for"])
            for name in YOUNG if self.major < 12 else ():
                rule.pop(name, None)
        self.groups[folder, group] = {**body, "rules": rules}
        return 200, self.groups[folder, group]

    def label_values(self, uid: str, label: str, query: Mapping[str, list[str]], **_: Any) -> Answer:
        if uid not in {one["uid"] for one in self.datasources}:
            return 404, {"message": "Data source not found"}
        found = self.client.get(f"{self.prometheus}/api/v1/label/{label}/values", params=dict(query))
        return found.status_code, found.json()

    def ask(self, body: Any, **_: Any) -> Answer:
        known = {one["uid"] for one in self.datasources}
        missing = [one for one in body["queries"] if one["datasource"]["uid"] not in known]
        if missing:
            return 404, {"message": "data source not found", "messageId": "datasource.notFound"}
        results = {
            one["refId"]: self._result(one, _seconds(body["from"]), _seconds(body["to"])) for one in body["queries"]
        }
        failed = any("error" in result for result in results.values())
        return 400 if failed else 200, {"results": results}

    def _result(self, query: Mapping[str, Any], start: float, end: float) -> dict[str, Any]:
        interval = max(float(query["intervalMs"]) / 1000, (end - start) / query["maxDataPoints"], SCRAPE_SECONDS)
        rate = max(interval + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS)
        spans = {"rate_interval": rate, "interval": interval, "range": end - start}
        expr = str(query["expr"])
        for name, seconds in spans.items():
            whole = math.ceil(seconds)
            expr = re.sub(rf"\$__{name}_ms\b|\$\{{__{name}_ms\}}", str(whole * 1000), expr)
            expr = re.sub(rf"\$__{name}_s\b|\$\{{__{name}_s\}}", str(whole), expr)
            expr = re.sub(rf"\$__{name}\b|\$\{{__{name}\}}", f"{whole}s", expr)
        step = math.ceil(interval)
        instant = {"query": expr, "time": end}
        ranged = {"query": expr, "start": math.floor(start / step) * step, "end": end, "step": step}
        path, params = ("query", instant) if query["instant"] else ("query_range", ranged)
        found = self.client.post(f"{self.prometheus}/api/v1/{path}", data={k: str(v) for k, v in params.items()})
        answer = found.json()
        if answer["status"] != "success":
            return {"error": f"{answer['errorType']}: {answer['error']}", "status": found.status_code}
        return {"status": 200, "frames": [_frame(query["refId"], one) for one in _series(answer["data"])]}


_ROUTES = (
    ("GET", "/api/folders/([^/]+)", "read_folder"),
    ("POST", "/api/folders", "make_folder"),
    ("GET", "/api/dashboards/uid/([^/]+)", "read_board"),
    ("GET", "/api/dashboards/uid/([^/]+)/versions", "read_history"),
    ("DELETE", "/api/dashboards/uid/([^/]+)", "delete_board"),
    ("POST", "/api/dashboards/db", "save_board"),
    ("GET", "/apis/dashboard.grafana.app/v1beta1/namespaces/default/dashboards/([^/]+)", "read_resource"),
    ("GET", "/api/search", "search"),
    ("GET", "/api/datasources", "list_datasources"),
    ("GET", "/api/datasources/uid/([^/]+)/resources/api/v1/label/([^/]+)/values", "label_values"),
    ("POST", "/api/ds/query", "ask"),
    ("GET", "/api/v1/provisioning/folder/([^/]+)/rule-groups/([^/]+)", "read_group"),
    ("PUT", "/api/v1/provisioning/folder/([^/]+)/rule-groups/([^/]+)", "save_group"),
)


def _series(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    if data["resultType"] == "scalar":
        return [{"metric": {}, "values": [data["result"]]}]
    return [{"metric": one["metric"], "values": one.get("values") or [one["value"]]} for one in data["result"]]


def _frame(ref: str, series: Mapping[str, Any]) -> dict[str, Any]:
    """A data frame; what is no number is null in JSON."""
    numbers = [float(text) for _, text in series["values"]]
    told = [number if math.isfinite(number) else None for number in numbers]
    fields = [{"name": "Time", "type": "time"}, {"name": "Value", "type": "number", "labels": series["metric"]}]
    return {
        "schema": {"refId": ref, "fields": fields},
        "data": {"values": [[int(float(at) * 1000) for at, _ in series["values"]], told]},
    }


def _seconds(text: str) -> float:
    """The epoch seconds of "now", "now-6h" or of milliseconds."""
    relative = re.fullmatch(r"now(?:-(\d+)([smhd]))?", text)
    if relative is None:
        return float(text) / 1000
    return time.time() - int(relative[1] or 0) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[relative[2] or "s"]


def _as_written(duration: str) -> str:
    """A duration as Grafana writes it: "90m" is "1h30m", "0m" is "0s"."""
    found = re.fullmatch(r"(\d+)([smh])", duration)
    assert found is not None, duration
    seconds = int(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]
    parts = [(seconds // 3600, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s")]
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"


@contextmanager
def fake_grafana(
    version: str = "12.4.0", prefix: str = "", prometheus: str = "", certificate: Path | None = None
) -> Iterator[FakeGrafana]:
    """A Grafana of this version under this prefix of its path, whose data source is that Prometheus.

    With a certificate, beside which its key lies, it is reached over TLS.
    """
    grafana = FakeGrafana(version, prefix, prometheus)
    ending = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = urllib.parse.urlsplit(self.path)
            if grafana.slow_seconds and ending.wait(grafana.slow_seconds):
                self.close_connection = True
                return
            path = parts.path.removeprefix(grafana.prefix)
            grafana.requests.append((self.command, path))
            status, answer = grafana.trouble(self.command, path) or self._answer(path, parts, body)
            text = answer if isinstance(answer, str) else json.dumps(answer)
            kind = "text/html; charset=UTF-8" if text.startswith("<") else "application/json"
            data = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _answer(self, path: str, parts: urllib.parse.SplitResult, body: bytes) -> Answer:
            if not parts.path.startswith(f"{grafana.prefix}/api"):
                return 200, "<!DOCTYPE html><title>Grafana</title>"
            if self.headers.get("Authorization") not in (f"Bearer {TOKEN}", LOGIN):
                return 401, {"message": "Invalid API key", "messageId": "api-key.invalid", "statusCode": 401}
            sent = json.loads(body) if body and "json" in (self.headers.get("Content-Type") or "") else None
            return grafana.answer(self.command, path, urllib.parse.parse_qs(parts.query), sent)

        do_GET = do_POST = do_PUT = do_DELETE = _do  # noqa: N815, as http.server wants it

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, certificate.with_name("key.pem"))
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    grafana.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_address[1]}{prefix}"
    try:
        yield grafana
    finally:
        ending.set()
        server.shutdown()
        server.server_close()
        grafana.client.close()
