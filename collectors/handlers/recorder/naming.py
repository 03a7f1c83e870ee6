"""What a handler and its service are called where nobody says it: the same in every process of a program."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import Any


def default_service() -> str:
    """$OTEL_SERVICE_NAME, or the name of the program; that of a package when it is run with `python -m`."""
    if service := os.environ.get("OTEL_SERVICE_NAME"):
        return service
    program = Path(sys.argv[0] if sys.argv else "")
    named = program.parent if program.name == "__main__.py" else program
    return named.stem if named.stem.strip("-c") else "python"


def qualified_name(target: Any) -> str:
    """Module and qualified name of a function, method, class, partial, or of an object's class."""
    while isinstance(target, functools.partial):
        target = target.func
    if not hasattr(target, "__qualname__"):
        target = type(target)
    return f"{module_name(target.__module__ or '')}.{target.__qualname__}"


def module_name(module: str) -> str:
    """A module's name; that of the program's own file, for a spawned child calls `__main__` otherwise."""
    if module not in ("__main__", "__mp_main__"):
        return module
    main = sys.modules.get(module)
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name).removesuffix(".__main__")
    file = getattr(main, "__file__", None)
    return Path(file).stem if file else module
