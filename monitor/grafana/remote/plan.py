"""What an import would do to each dashboard, and why. Pure."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from monitor.grafana.remote.marks import Save, is_ours, message_of, newest

#: What Grafana puts into a dashboard by itself.
_OF_GRAFANA = ("id", "version", "iteration", "schemaVersion")


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    SAME = "same"
    #: A person changed it since our last import: only `force` overwrites that.
    CHANGED = "changed"
    #: Grafana has it from a file or a repository, and takes no other.
    PROVISIONED = "provisioned"
    #: It is ours, and is rendered no more.
    PRUNE = "prune"

    @property
    def is_refused(self) -> bool:
        return self in (Action.CHANGED, Action.PROVISIONED)


@dataclass(frozen=True, slots=True)
class Found:
    """A dashboard as Grafana has it."""

    board: Mapping[str, Any]
    folder: str
    version: int
    is_provisioned: bool = False
    saves: Sequence[Save] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done with one dashboard or group of rules; `diff` goes from what is there to what is wanted."""

    uid: str
    title: str
    action: Action
    why: str = ""
    diff: tuple[str, ...] = ()
    #: What would be saved, and over which version.
    board: Mapping[str, Any] | None = None
    version: int = 0
    #: "dashboard" or "rules".
    kind: str = "dashboard"


def planned(board: Mapping[str, Any], folder: str, found: Found | None) -> Step:
    """The step that brings this dashboard into the folder with that uid."""
    uid, title = str(board["uid"]), str(board["title"])
    if found is None:
        return Step(uid, title, Action.CREATE, board=board)
    last = newest(found.saves)
    if last is not None and last.message == message_of(board, folder) and found.folder == folder:
        return Step(uid, title, Action.SAME)
    diff = difference(_text(found.board, found.folder), _text(board, folder))
    if not diff:
        return Step(uid, title, Action.SAME)
    if found.is_provisioned:
        why = "Grafana has it from a file or a repository: change it there, or take it out of there first"
        return Step(uid, title, Action.PROVISIONED, why, diff)
    if last is not None and is_ours(last) and found.folder == folder:
        return Step(uid, title, Action.UPDATE, "", diff, board, found.version)
    return Step(uid, title, Action.CHANGED, _changed(last, found.folder, folder), diff, board, found.version)


def pruned(found: Mapping[str, Found], wanted: frozenset[str]) -> list[Step]:
    """The steps for dashboards with our tag in our folder, by uid, that are rendered no more.

    A copy that a person made has our tag, but no import in its history: it is theirs.
    """
    steps = []
    for uid, one in sorted(found.items()):
        if uid in wanted or not any(is_ours(save) for save in one.saves):
            continue
        last, title = newest(one.saves), str(one.board.get("title", uid))
        if last is not None and is_ours(last):
            steps.append(Step(uid, title, Action.PRUNE))
        else:
            steps.append(Step(uid, title, Action.CHANGED, _changed(last, one.folder, one.folder)))
    return steps


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """The lines of a unified diff from what Grafana has to what is wanted; none where they say the same."""
    before, after = (json.dumps(one, indent=1, sort_keys=True, ensure_ascii=False).splitlines() for one in (old, new))
    return tuple(difflib.unified_diff(before, after, "in Grafana", "of eda-monitor", n=2, lineterm=""))


def _text(board: Mapping[str, Any], folder: str) -> dict[str, Any]:
    return {"folder": folder, **{name: value for name, value in board.items() if name not in _OF_GRAFANA}}


def _changed(last: Save | None, folder: str, wanted: str) -> str:
    if folder != wanted:
        return f"it is in the folder {folder or 'Dashboards'!r}, not in {wanted!r}"
    if last is None:
        return "it was not imported by eda-monitor"
    said = f": {last.message}" if last.message else ""
    return f"{last.by or 'somebody'} changed it at {last.at or 'a time that is not known'}{said}"
