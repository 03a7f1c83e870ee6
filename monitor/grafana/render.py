"""All dashboards, as data and as the files that are provisioned."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from monitor.grafana import boards

FOLDER = Path(__file__).parent.parent.parent / "dashboards" / "grafana"


def dashboards() -> list[dict[str, Any]]:
    """Every dashboard, in the order of their titles: each module of `boards` has one as `BOARD`."""
    found = (import_module(f"{boards.__name__}.{one.name}").BOARD.render() for one in iter_modules(boards.__path__))
    return sorted(found, key=lambda board: str(board["title"]))


def render(dashboard: dict[str, Any]) -> str:
    return json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"


def write_all(folder: Path = FOLDER) -> None:
    """Write every dashboard as `<uid>.json`; those that are none any more go."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {f"{board['uid']}.json": render(board) for board in dashboards()}
    for old in folder.glob("*.json"):
        if old.name not in texts:
            old.unlink()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
