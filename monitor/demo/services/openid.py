"""An OpenID Connect provider that signs in whoever says who they are: oidc-provider-mock, from PyPI."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.demo.services.process import ServiceMissingError, free_port, is_ready, running


@contextmanager
def openid() -> Iterator[str]:
    """A provider; yields the address at which it tells of itself."""
    if importlib.util.find_spec("oidc_provider_mock") is None:
        raise ServiceMissingError("oidc-provider-mock is not installed: pip install 'eda-monitor[dev]'")
    url = f"http://localhost:{(port := free_port())}/.well-known/openid-configuration"
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)]
    with (
        tempfile.TemporaryDirectory(prefix="eda-openid-") as name,
        running(command, Path(name), lambda: is_ready(url)),
    ):
        yield url
