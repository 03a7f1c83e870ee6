"""Azurite, Microsoft's server of Azure Storage for one's own machine: its blobs, fetched once by npm into a cache."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from monitor.demo.services.cache import cached
from monitor.demo.services.process import ServiceMissingError, answers, free_port, running

AZURITE_VERSION = "3.37.0"
ACCOUNT = "devstoreaccount1"
#: Every Azurite knows this key of its account; it stands in its documentation and is no secret.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass(frozen=True, slots=True)
class Azurite:
    """A running blob server with one account."""

    #: Of the account.
    url: str

    @property
    def connection_string(self) -> str:
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={self.url};"


@contextmanager
def azurite() -> Iterator[Azurite]:
    """A blob server that forgets everything when it ends."""
    if shutil.which("node") is None:
        raise ServiceMissingError("Node.js is not installed, and Azurite needs it: apt-get install nodejs npm")
    server = cached(f"azurite-{AZURITE_VERSION}", _install) / "node_modules/azurite/dist/src/blob/main.js"
    port = free_port()
    options = ["--blobPort", str(port), "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"]
    with tempfile.TemporaryDirectory(prefix="eda-azurite-") as name:
        command = ["node", str(server), *options, "--silent"]
        with running(command, Path(name), lambda: answers(port)):
            yield Azurite(f"http://127.0.0.1:{port}/{ACCOUNT}")


def _install(folder: Path) -> None:
    if shutil.which("npm") is None:
        raise ServiceMissingError("npm is not installed, and Azurite comes with it: apt-get install npm")
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    command = ["npm", "install", "--prefix", str(folder), *quiet, f"azurite@{AZURITE_VERSION}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ServiceMissingError(f"Azurite could not be installed by npm: {done.stderr.strip()[-300:]}")
