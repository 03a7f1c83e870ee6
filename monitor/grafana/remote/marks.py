"""The mark of an import in the history of a dashboard: by it we know our own saves from those of people. Pure.

What Grafana stores it may migrate, so its content alone does not tell who changed it. The history does: each save has
a message, and the message of ours has the hash of what was saved.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_MESSAGE = "Imported by eda-monitor ({})"
_MARK = re.compile(r"Imported by eda-monitor \(([0-9a-f]{12})\)")


@dataclass(frozen=True, slots=True)
class Save:
    """One entry of the history of a dashboard."""

    version: int
    message: str
    by: str
    at: str


def message_of(board: Mapping[str, Any], folder: str) -> str:
    """The message with which this dashboard is saved in the folder with that uid."""
    said = json.dumps([folder, board], sort_keys=True, ensure_ascii=False)
    return _MESSAGE.format(hashlib.sha256(said.encode()).hexdigest()[:12])


def is_ours(save: Save) -> bool:
    return _MARK.fullmatch(save.message) is not None


def newest(saves: Sequence[Save]) -> Save | None:
    return max(saves, key=lambda one: one.version, default=None)
