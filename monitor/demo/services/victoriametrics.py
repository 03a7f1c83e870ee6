"""A VictoriaMetrics, one node, from the Debian package."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.demo.services.process import ServiceMissingError, free_port, is_ready, running


@contextmanager
def victoriametrics(config: str) -> Iterator[str]:
    """A VictoriaMetrics that scrapes as this configuration of a Prometheus says; yields its URL."""
    program = shutil.which("victoria-metrics")
    if program is None:
        raise ServiceMissingError("VictoriaMetrics is not installed: apt-get install victoria-metrics")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="eda-victoriametrics-") as name:
        folder = Path(name)
        (folder / "scrape.yml").write_text(config)
        url = f"http://127.0.0.1:{port}"
        command = [
            program, f"-promscrape.config={folder}/scrape.yml", f"-storageDataPath={folder}/data",
            f"-httpListenAddr=127.0.0.1:{port}", "-memory.allowedBytes=256MB",
        ]  # fmt: skip
        with running(command, folder, lambda: is_ready(f"{url}/health")):
            yield url
