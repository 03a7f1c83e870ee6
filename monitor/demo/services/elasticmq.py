"""ElasticMQ: SQS with tasks that move dead letters, which moto lacks; from its jars."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.demo.services.jars import elasticmq_libs
from monitor.demo.services.process import free_port, is_ready, running

_CONFIG = """\
include classpath("application.conf")
node-address {{ protocol = http, host = "127.0.0.1", port = {port}, context-path = "" }}
rest-sqs {{ enabled = true, bind-hostname = "127.0.0.1", bind-port = {port} }}
rest-stats {{ enabled = false }}
aws {{ region = eu-central-1, accountId = 000000000000 }}
"""


@contextmanager
def elasticmq() -> Iterator[str]:
    """A server of SQS alone, in the region eu-central-1; yields its URL, at which any credentials are taken."""
    libs, port = elasticmq_libs(), free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="eda-elasticmq-") as name:
        folder = Path(name)
        (folder / "elasticmq.conf").write_text(_CONFIG.format(port=port))
        command = [
            "java", "-Xmx256m", f"-Dconfig.file={folder}/elasticmq.conf", "-cp", f"{libs}/*",
            "org.elasticmq.server.Main",
        ]  # fmt: skip
        with running(command, folder, lambda: is_ready(f"{url}/health")):
            yield url
