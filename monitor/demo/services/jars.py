"""Kafka's jars: from `KAFKA_HOME`, or fetched once by Maven into a cache."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from monitor.demo.services.cache import cached
from monitor.demo.services.process import ServiceMissingError

KAFKA_VERSION = "4.3.1"


def kafka_libs() -> Path:
    """The folder of Kafka's jars: of `KAFKA_HOME`, or fetched once by Maven into the user's cache."""
    if shutil.which("java") is None:
        raise ServiceMissingError(
            "Java is not installed, and Kafka needs it: apt-get install openjdk-17-jre-headless maven"
        )
    if "KAFKA_HOME" in os.environ:
        return Path(os.environ["KAFKA_HOME"]) / "libs"
    return cached(f"kafka-{KAFKA_VERSION}", _fetch_jars)


def _fetch_jars(folder: Path) -> None:
    if shutil.which("mvn") is None:
        raise ServiceMissingError("Maven is not installed, and KAFKA_HOME is not set: apt-get install maven")
    pom = Path(__file__).with_name("kafka_pom.xml")
    command = ["mvn", "-q", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ServiceMissingError(f"Kafka's jars could not be fetched by Maven: {done.stdout.strip()[-300:]}")
