"""Jars of services that run on Java: fetched once by Maven into a cache; Kafka's also from `KAFKA_HOME`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from monitor.demo.services.cache import cached
from monitor.demo.services.process import ServiceMissingError

KAFKA_VERSION = "4.3.1"
ELASTICMQ_VERSION = "1.7.1"


def kafka_libs() -> Path:
    """The folder of Kafka's jars: of `KAFKA_HOME`, or fetched once by Maven into the user's cache."""
    _need_java("Kafka")
    if "KAFKA_HOME" in os.environ:
        return Path(os.environ["KAFKA_HOME"]) / "libs"
    return cached(f"kafka-{KAFKA_VERSION}", lambda folder: _fetch_jars("Kafka", folder))


def elasticmq_libs() -> Path:
    """The folder of ElasticMQ's jars, fetched once by Maven into the user's cache."""
    _need_java("ElasticMQ")
    return cached(f"elasticmq-{ELASTICMQ_VERSION}", lambda folder: _fetch_jars("ElasticMQ", folder))


def _need_java(name: str) -> None:
    if shutil.which("java") is None:
        hint = "apt-get install openjdk-17-jre-headless maven"
        raise ServiceMissingError(f"Java is not installed, and {name} needs it: {hint}")


def _fetch_jars(name: str, folder: Path) -> None:
    """By the versions of `<name>_pom.xml`."""
    if shutil.which("mvn") is None:
        otherwise = ", and KAFKA_HOME is not set" if name == "Kafka" else f", by which {name} comes"
        raise ServiceMissingError(f"Maven is not installed{otherwise}: apt-get install maven")
    pom = Path(__file__).with_name(f"{name.lower()}_pom.xml")
    command = ["mvn", "-q", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ServiceMissingError(f"{name}'s jars could not be fetched by Maven: {done.stdout.strip()[-300:]}")
