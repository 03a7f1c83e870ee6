"""Which instances there are: those listed by URL, those in files of targets, and those that names in DNS lead to.

A file is what Prometheus' file_sd takes:

    [{"targets": ["10.0.0.1:8000", "10.0.0.2:8000"], "labels": {"service": "billing", "__metrics_path__": "/m"}}]
"""

from __future__ import annotations

import glob
import importlib
import json
import socket
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeGuard
from urllib.parse import urlencode

from collectors.base import PartError
from collectors.handlers.addresses import DnsName, Listed, checked_url
from collectors.handlers.together import at_once

#: Instances that are read, at most.
LISTED = 5000
#: Of the time of a cycle, for names: a resolver that hangs leaves the rest to the instances that are known.
TIME_SHARE = 1 / 3

_PARAMETER = "__param_"


class DiscoveryError(Exception):
    """A source of instances that could not be read; the message says why."""


class Discovery:
    """Lists the instances of a target. A source that cannot be read keeps its last good list, and is named."""

    def __init__(self, urls: Iterable[str], files: Iterable[str], names: Iterable[str]) -> None:
        self._urls = [Listed(url) for url in urls]
        self._patterns, self._names = tuple(files), tuple(names)
        self._files: dict[str, tuple[object, list[Listed]]] = {}
        self._resolved: dict[str, list[Listed]] = {}

    def instances(self, deadline: float, errors: list[PartError]) -> list[Listed]:
        """Every instance once, by URL; what failed is added to the errors."""
        found = {one.url: one for one in self._urls}
        for source in (self._from_files(errors), self._from_dns(deadline, errors)):
            for one in source:
                found.setdefault(one.url, one)
        if len(found) > LISTED:
            errors.append(PartError("instances", f"{len(found)} are listed; the first {LISTED} are read"))
        return list(found.values())[:LISTED]

    def _from_files(self, errors: list[PartError]) -> Iterator[Listed]:
        present: dict[str, None] = {}
        for pattern in self._patterns:
            matching = sorted(glob.glob(pattern))  # noqa: PTH207 - the pattern may be absolute
            present.update(dict.fromkeys(matching))
            if not matching:
                errors.append(PartError(f"file_sd {pattern}", "no such file"))
        self._files = {file: known for file, known in self._files.items() if file in present}
        for file in present:
            try:
                self._read_again(file)
            except DiscoveryError as error:
                errors.append(PartError(f"file_sd {file}", str(error)))
            yield from self._files.get(file, (None, []))[1]

    def _read_again(self, file: str) -> None:
        """Read a file that changed; one that is broken is tried anew every time."""
        try:
            status = Path(file).stat()
            version = status.st_mtime_ns, status.st_size, status.st_ino
            if file not in self._files or self._files[file][0] != version:
                self._files[file] = version, list(parsed(Path(file).read_text(encoding="utf-8"), Path(file).suffix))
        except OSError as error:
            raise DiscoveryError(f"cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise DiscoveryError("is not text in UTF-8") from None

    def _from_dns(self, deadline: float, errors: list[PartError]) -> Iterator[Listed]:
        now = time.monotonic()
        for name, found in at_once(_resolved, self._names, now + (deadline - now) * TIME_SHARE):
            if isinstance(found, list):
                self._resolved[name] = found
            elif found is None:
                errors.append(PartError(f"dns {name}", "was not resolved in time"))
            elif isinstance(found, DiscoveryError):
                errors.append(PartError(f"dns {name}", str(found)))
            else:
                raise found
        for name in self._names:
            yield from self._resolved.get(name, ())


def parsed(text: str, suffix: str) -> Iterator[Listed]:
    """The instances of a file of targets; raises DiscoveryError."""
    entries = _loaded(text, suffix)
    if not isinstance(entries, list):
        raise DiscoveryError('holds no list; expected [{"targets": ["host:port"], "labels": {}}]')
    for at, entry in enumerate(entries):
        targets, labels = _entry(entry, at)
        for target in targets:
            try:
                yield _listed(target, labels)
            except ValueError as error:
                raise DiscoveryError(f"[{at}].targets: {error}") from None


def _entry(entry: Any, at: int) -> tuple[list[str], dict[str, str]]:
    targets, labels = (entry.get("targets"), entry.get("labels") or {}) if isinstance(entry, dict) else (None, {})
    if not _strings(targets) or not isinstance(labels, dict) or not _strings(list(labels.values())):
        raise DiscoveryError(f"[{at}]: expected targets, a list of host:port, and labels of strings")
    return list(targets), labels


def _listed(target: str, labels: dict[str, str]) -> Listed:
    if "/" in target:
        raise ValueError(f"{target.rpartition('@')[2]!r} is not host:port; its path is told by __metrics_path__")
    path = labels.get("__metrics_path__", "/metrics")
    query = urlencode({n.removeprefix(_PARAMETER): v for n, v in labels.items() if n.startswith(_PARAMETER)})
    url = f"{labels.get('__scheme__', 'http')}://{target}/{path.removeprefix('/')}{'?' if query else ''}{query}"
    return Listed(checked_url(url), labels.get("service", ""), labels.get("group", ""))


def _strings(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _loaded(text: str, suffix: str) -> Any:
    if suffix == ".json":
        try:
            return json.loads(text)
        except ValueError as error:
            raise DiscoveryError(f"is not JSON: {error}") from None
    try:
        yaml = importlib.import_module("yaml")
    except ModuleNotFoundError:
        raise DiscoveryError("YAML needs PyYAML: pip install pyyaml, or write it as JSON") from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise DiscoveryError(f"is not YAML: {' '.join(str(error).split())}") from None


def _resolved(text: str) -> list[Listed]:
    """The instances that a name leads to now; raises DiscoveryError."""
    name = DnsName.parsed(text)
    if name.port is None:
        return [name.instance(host, port) for host, port in _services(name.name)]
    try:
        answers = socket.getaddrinfo(name.name, name.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DiscoveryError(f"cannot be resolved: {getattr(error, 'strerror', None) or error}") from None
    return [name.instance(str(answer[4][0]), name.port) for answer in dict.fromkeys(answers)]


def _services(name: str) -> list[tuple[str, int]]:
    """(host, port) of the SRV records of a name."""
    resolver, error = importlib.import_module("dns.resolver"), importlib.import_module("dns.exception")
    try:
        answers = resolver.resolve(name, "SRV", lifetime=5.0)
    except error.DNSException as failure:
        raise DiscoveryError(f"has no SRV records that can be read: {failure}") from None
    return sorted({(str(one.target).rstrip("."), int(one.port)) for one in answers})
