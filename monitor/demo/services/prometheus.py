"""A Prometheus, from the Debian package."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.demo.services.process import ServiceMissingError, free_port, is_ready, running


@contextmanager
def prometheus(config: str, data: Path | None = None) -> Iterator[str]:
    """A Prometheus with this configuration, and over this data where it is given; yields its URL."""
    program = shutil.which("prometheus")
    if program is None:
        raise ServiceMissingError("Prometheus is not installed: apt-get install prometheus")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="eda-prometheus-") as name:
        folder = Path(name)
        (folder / "prometheus.yml").write_text(config)
        url = f"http://127.0.0.1:{port}"
        command = [
            program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={data or folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]  # fmt: skip
        with running(command, folder, lambda: is_ready(f"{url}/-/ready")):
            yield url
