"""An Alertmanager, from the Debian package."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.demo.services.process import ServiceMissingError, free_port, is_ready, running

#: Everything goes to one receiver that tells nobody.
QUIET = """
route:
  receiver: nobody
  group_wait: 0s
receivers:
  - name: nobody
"""


@contextmanager
def alertmanager(config: str = QUIET) -> Iterator[str]:
    """An Alertmanager with this configuration, on its own; yields its URL."""
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None:
        raise ServiceMissingError("Alertmanager is not installed: apt-get install prometheus-alertmanager")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="eda-alertmanager-") as name:
        folder = Path(name)
        (folder / "alertmanager.yml").write_text(config)
        url = f"http://127.0.0.1:{port}"
        command = [
            program, f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
        ]  # fmt: skip
        with running(command, folder, lambda: is_ready(f"{url}/-/ready")):
            yield url
