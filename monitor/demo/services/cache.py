"""What services are made of and packages do not bring: fetched once into the user's cache."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def cached(name: str, fetch: Callable[[Path], None]) -> Path:
    """The folder of this name in the cache. Where it is not there yet `fetch` makes it, and it comes whole or not."""
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "eda-monitor"
    folder = base / name
    if not folder.is_dir():
        base.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=base) as scratch:
            fetched = Path(scratch, name)
            fetch(fetched)
            if not folder.is_dir():
                fetched.rename(folder)
    return folder
