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
<<<<<<< HEAD
    return _libs("Kafka", KAFKA_VERSION, "KAFKA_HOME is not set")


def elasticmq_libs() -> Path:
    """The folder of ElasticMQ's jars, fetched once by Maven into the user's cache."""
    _need_java("ElasticMQ")
    return _libs("ElasticMQ", ELASTICMQ_VERSION, "ElasticMQ comes by it")


def _need_java(name: str) -> None:
    if shutil.which("java") is None:
        raise ServiceMissingError(
            f"Java is not installed, and {name} needs it: apt-get install openjdk-17-jre-headless maven"
        )


def _libs(name: str, version: str, otherwise: str) -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "eda-monitor"
    libs = base / f"{name.lower()}-{version}"
    if not libs.is_dir():
        if shutil.which("mvn") is None:
            raise ServiceMissingError(f"Maven is not installed, and {otherwise}: apt-get install maven")
        _fetch_jars(name, base, libs)
    return libs


def _fetch_jars(service: str, base: Path, libs: Path) -> None:
    base.mkdir(parents=True, exist_ok=True)
    pom = Path(__file__).with_name(f"{service.lower()}_pom.xml")
    with tempfile.TemporaryDirectory(dir=base) as name:
        command = ["mvn", "-q", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={name}/libs"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ServiceMissingError(f"{service}'s jars could not be fetched by Maven: {done.stdout.strip()[-300:]}")
        if not libs.is_dir():
            Path(name, "libs").rename(libs)
=======
    return cached(f"kafka-{KAFKA_VERSION}", _fetch_jars)


def _fetch_jars(folder: Path) -> None:
    if shutil.which("mvn") is None:
        raise ServiceMissingError("Maven is not installed, and KAFKA_HOME is not set: apt-get install maven")
    pom = Path(__file__).with_name("kafka_pom.xml")
    command = ["mvn", "-q", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ServiceMissingError(f"Kafka's jars could not be fetched by Maven: {done.stdout.strip()[-300:]}")
>>>>>>> main
