"""A Grafana over its HTTP API, by grafana-client: the one place that knows its paths, answers and traps.

Grafana 11 to 13. What every call may raise is GrafanaError, in one line that names the server and holds no secret.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import niquests
from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaException, GrafanaTimeoutError

from monitor.alerts.notifiers.base import redacted, without_login
from monitor.grafana.board import TAG
from monitor.grafana.remote.marks import Save, message_of
from monitor.grafana.remote.plan import Found

#: The form of dashboards that we read and write, of those into which Grafana 12 and later convert any other one.
_CLASSIC = "v1beta1"
#: Of a dashboard in a newer form it says where to read it instead.
_INSTEAD = re.compile(r"use /apis/dashboard\.grafana\.app/\w+/(namespaces/[^/\s]+/dashboards/[^/\s]+) instead")
_PAGE = 1000


class GrafanaError(Exception):
    """Grafana did not do what it was asked. `status` is of HTTP, 0 where there was no answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status

    @property
    def is_conflict(self) -> bool:
        """Somebody else was there first: a precondition that failed, or a conflict."""
        return self.status in (409, 412)


@dataclass(frozen=True, slots=True)
class Datasource:
    uid: str
    name: str


class Server(Protocol):
    """What of a Grafana the proof of panels needs."""

    def query(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Asks queries of their data sources, as a panel does."""

    def label_values(self, datasource: str, label: str, match: str) -> list[str]:
        """The values of a label, over the series that match; of all where `match` is empty."""


T = TypeVar("T")


class Grafana:
    """A connection that is made with the first call."""

    def __init__(self, url: str, token: str | None, timeout: float, cafile: Path | None = None) -> None:
        address = url.rstrip("/")
        self.url = without_login(address)
        self._name, self._timeout = redacted(url), timeout
        # without the slash at its end the client takes a prefix of the path for a part of "api"
        self._api = GrafanaApi.from_url(address + "/", credential=token, timeout=timeout)
        if cafile is not None:
            self._api.client.verify = str(cafile)

    def folder(self, uid: str) -> dict[str, Any] | None:
        return self._or_none("read the folder", lambda: self._api.folder.get_folder(uid))

    def make_folder(self, uid: str, title: str) -> None:
        """Make the folder unless it is there; its title is left as people named it."""
        if self.folder(uid) is None:
            try:
                self._object("make the folder", lambda: self._api.folder.create_folder(title, uid=uid))
            except GrafanaError as error:
                if not error.is_conflict or self.folder(uid) is None:
                    raise

    def found(self, uid: str) -> Found | None:
        """The dashboard with its history; None where there is none."""
        answer = self._or_none("read a dashboard", lambda: self._classic(uid))
        if answer is None:
            return None
        board, meta = answer.get("dashboard") or {}, answer.get("meta") or {}
        managed = bool(meta.get("provisioned")) or bool(meta.get("managedBy"))
        version = int(board.get("version") or meta.get("version") or 0)
        return Found(board, str(meta.get("folderUid") or ""), version, managed, self._saves(uid))

    def ours(self, folder: str) -> dict[str, Found]:
        """The dashboards with our tag in the folder, by uid."""
        uids: list[str] = []
        for page in range(1, 100):
            answer = self._list("search dashboards", self._searching(folder, page))
            uids += [str(one["uid"]) for one in answer if one.get("folderUid", folder) == folder]
            if len(answer) < _PAGE:
                break
        return {uid: one for uid in uids if (one := self.found(uid)) is not None}

    def _searching(self, folder: str, page: int) -> Callable[[], Any]:
        wanted = {"tag": TAG, "type_": "dash-db", "folder_uids": [folder], "limit": _PAGE, "page": page}
        return lambda: self._api.search.search_dashboards(**wanted)

    def save(self, board: Mapping[str, Any], folder: str, version: int, force: bool) -> None:
        """Save a dashboard over the version that was read, or over any if forced.

        Raises a GrafanaError that is a conflict where it was changed in between.
        """
        body = {
            "dashboard": {**board, "id": None, "version": version},
            "folderUid": folder,
            "message": message_of(board, folder),
            "overwrite": force,
        }
        self._object("save a dashboard", lambda: self._api.dashboard.update_dashboard(body))

    def delete(self, uid: str) -> None:
        self._ask("delete a dashboard", lambda: self._api.dashboard.delete_dashboard(uid))

    def prometheuses(self) -> list[Datasource]:
        """The data sources of the kind Prometheus, the default one first."""
        every = self._list("list the data sources", self._api.datasource.list_datasources)
        found = sorted(
            (one for one in every if one.get("type") == "prometheus"), key=lambda one: not one.get("isDefault")
        )
        return [Datasource(str(one["uid"]), str(one["name"])) for one in found]

    def rule_group(self, folder: str, group: str) -> dict[str, Any] | None:
        provisioning = self._api.alertingprovisioning
        return self._or_none("read alert rules", lambda: provisioning.get_rule_group(folder, group))

    def save_rule_group(self, folder: str, group: str, body: Mapping[str, Any]) -> None:
        """Put a group of rules in place of the one that is there. Their provenance keeps the editor away from them."""
        provisioning = self._api.alertingprovisioning
        self._ask("save alert rules", lambda: provisioning.update_rule_group(folder, group, dict(body)))

    def query(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return self._object("query", lambda: self._api.client.POST("/ds/query", json=dict(body)))
        except GrafanaError as error:
            answer = getattr(error.__cause__, "response", None)
            if isinstance(answer, dict) and "results" in answer:  # some query failed, and each says why
                return answer
            raise

    def label_values(self, datasource: str, label: str, match: str) -> list[str]:
        path = f"/datasources/uid/{datasource}/resources/api/v1/label/{label}/values"
        matching = {"match[]": match} if match else {}
        answer = self._object("list a label's values", lambda: self._api.client.GET(path, params=matching))
        return [str(value) for value in answer.get("data") or []]

    def _classic(self, uid: str) -> Any:
        try:
            return self._api.dashboard.get_dashboard(uid)
        except GrafanaException as error:
            instead = _INSTEAD.search(str(error)) if error.status_code == 406 else None
            if instead is None:
                raise
        # The client's base ends in "/api"; this makes it "/apis/dashboard.grafana.app/…"
        answer = self._api.client.GET(f"s/dashboard.grafana.app/{_CLASSIC}/{instead[1]}")
        notes = answer.get("metadata", {}).get("annotations") or {}
        meta = {"folderUid": notes.get("grafana.app/folder"), "managedBy": notes.get("grafana.app/managedBy")}
        return {"dashboard": {"uid": uid, **answer.get("spec", {})}, "meta": meta}

    def _saves(self, uid: str) -> Sequence[Save]:
        versions = self._api.dashboard_versions
        what = "read a dashboard's history"
        answer = self._ask(what, lambda: versions.get_dashboard_versions(dashboard_uid=uid))
        entries = answer.get("versions") or [] if isinstance(answer, dict) else answer  # once a mere list
        return tuple(
            Save(
                int(one.get("version") or 0),
                str(one.get("message") or ""),
                str(one.get("createdBy") or ""),
                str(one.get("created") or ""),
            )
            for one in self._typed(what, entries, list)
        )

    def _or_none(self, what: str, call: Callable[[], Any]) -> dict[str, Any] | None:
        try:
            return self._object(what, call)
        except GrafanaError as error:
            if error.status == 404:
                return None
            raise

    def _object(self, what: str, call: Callable[[], Any]) -> dict[str, Any]:
        return self._typed(what, self._ask(what, call), dict)

    def _list(self, what: str, call: Callable[[], Any]) -> list[dict[str, Any]]:
        return self._typed(what, self._ask(what, call), list)

    def _typed(self, what: str, answer: Any, kind: type[T]) -> T:
        if isinstance(answer, kind):
            return answer
        raise GrafanaError(f"{self._name}: asked to {what} it answered with what is not Grafana's; {_ADDRESS}")

    def _ask(self, what: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except GrafanaTimeoutError:
            raise GrafanaError(f"{self._name}: no answer within {self._timeout:g} s to: {what}") from None
        except GrafanaException as error:
            status = int(error.status_code or 0)
            raise GrafanaError(f"{self._name}: {_explained(what, status, error.response)}", status) from error
        except niquests.exceptions.JSONDecodeError:
            raise GrafanaError(f"{self._name}: asked to {what} it answered with what is no JSON; {_ADDRESS}") from None
        except (niquests.exceptions.RequestException, OSError) as error:
            raise GrafanaError(f"{self._name}: cannot be reached: {_reason(error)}") from None


_ADDRESS = "expected the address of a Grafana, with the prefix of its path if it has one"


def _explained(what: str, status: int, response: Any) -> str:
    """One line about an answer that was a refusal."""
    told = response.get("message") if isinstance(response, Mapping) else None
    said = " ".join(str(told or "").split())[:300]
    if status == 401:
        return "the token was refused (401); expected one of a service account, that is neither expired nor disabled"
    if status == 403:
        return f"the token may not {what} (403): {said or 'its service account lacks the role Editor'}"
    return f"asked to {what} it answered {status}{f': {said}' if said else ''}"


def _reason(error: BaseException) -> str:
    """What went wrong at the bottom of a chain of errors of the HTTP client."""
    return next(_causes(error))


def _causes(error: BaseException | None) -> Iterator[str]:
    """The texts of the system's errors first, then of the error itself."""
    one = error
    while one is not None:
        if isinstance(one, socket.gaierror):
            yield "its name is not known"
        elif isinstance(one, OSError) and one.strerror:
            yield one.strerror
        one = one.__cause__ or one.__context__
    yield type(error).__name__
