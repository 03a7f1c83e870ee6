"""Which instances are read: files of targets as Prometheus has them, and names in DNS."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from collectors.base import PartError
from collectors.handlers.addresses import DnsName, Listed, shown
from collectors.handlers.discovery import Discovery, DiscoveryError, parsed


def listed(discovery: Discovery) -> tuple[list[Listed], list[PartError]]:
    errors: list[PartError] = []
    return discovery.instances(time.monotonic() + 5, errors), errors


def urls(discovery: Discovery) -> list[str]:
    return [one.url for one in listed(discovery)[0]]


def test_a_file_of_targets_is_read_as_prometheus_reads_it() -> None:
    text = json.dumps(
        [
            {"targets": ["a:8000", "b:8000"], "labels": {"service": "billing", "group": "g", "team": "x"}},
            {
                "targets": ["[::1]:1"],
                "labels": {"__scheme__": "https", "__metrics_path__": "m", "__param_name[]": "a b"},
            },
            {"targets": []},
        ]
    )

    assert list(parsed(text, ".json")) == [
        Listed("http://a:8000/metrics", "billing", "g"),
        Listed("http://b:8000/metrics", "billing", "g"),
        Listed("https://[::1]:1/m?name%5B%5D=a+b"),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[{", "is not JSON"),
        ("{}", "holds no list"),
        ('["a:1"]', "[0]: expected targets, a list of host:port"),
        ('[{"targets": ["a:1"]}, {"targets": "a:1"}]', "[1]: expected targets"),
        ('[{"targets": ["a:1"], "labels": {"service": 1}}]', "[0]: expected targets"),
        ('[{"targets": ["http://a:1/m"]}]', "is not host:port; its path is told by __metrics_path__"),
        ('[{"targets": ["me:secret@a:1"]}]', "user and password do not belong into a URL"),
        ('[{"targets": ["me:secret@a:1/m"]}]', "'a:1/m' is not host:port"),
        ('[{"targets": [""]}]', "is not a URL"),
    ],
)
def test_a_mistake_in_a_file_of_targets_is_named(text: str, told: str) -> None:
    with pytest.raises(DiscoveryError) as error:
        list(parsed(text, ".json"))

    assert told in str(error.value)
    assert "secret" not in str(error.value)


def test_yaml_is_read_where_pyyaml_is_installed() -> None:
    pytest.importorskip("yaml")

    assert list(parsed("- targets: ['a:1']\n  labels: {service: b}\n", ".yml")) == [Listed("http://a:1/metrics", "b")]
    with pytest.raises(DiscoveryError, match="is not YAML"):
        list(parsed("- [", ".yml"))


def test_yaml_without_pyyaml_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)

    with pytest.raises(DiscoveryError, match="pip install pyyaml"):
        list(parsed("[]", ".yml"))


def test_a_file_is_read_again_when_it_changed_and_its_last_good_list_stands_while_it_is_broken(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    discovery = Discovery((), [str(tmp_path / "*.json")], ())
    write(file, '[{"targets": ["a:1"]}]', 1)
    assert urls(discovery) == ["http://a:1/metrics"]

    write(file, '[{"targets": ["a:1", "b:1"]}]', 2)
    assert urls(discovery) == ["http://a:1/metrics", "http://b:1/metrics"]

    write(file, '[{"targets": ["a:1"', 3)
    found, errors = listed(discovery)
    assert len(found) == 2
    assert [error.part for error in errors] == [f"file_sd {file}"]

    file.unlink()
    found, errors = listed(discovery)
    assert found == []
    assert [error.message for error in errors] == ["no such file"]


def write(file: Path, text: str, at: int) -> None:
    file.write_text(text, encoding="utf-8")
    os.utime(file, (at, at))


def test_an_instance_that_is_listed_twice_is_read_once(tmp_path: Path) -> None:
    write(tmp_path / "a.json", '[{"targets": ["a:1"], "labels": {"service": "s"}}]', 1)

    assert listed(Discovery(["http://a:1/metrics"], [str(tmp_path / "a.json")], ()))[0] == [
        Listed("http://a:1/metrics")
    ]


def test_a_name_leads_to_all_its_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Any] = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 8000)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.2", 8000)),
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fd00::1", 8000, 0, 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    discovery = Discovery((), (), ["https://billing.internal:8000/m"])

    assert listed(discovery)[0] == [
        Listed(f"https://{host}:8000/m", host="billing.internal") for host in ("10.0.0.1", "10.0.0.2", "[fd00::1]")
    ]

    del answers[1:]
    assert urls(discovery) == ["https://10.0.0.1:8000/m"]


def test_a_name_that_cannot_be_resolved_is_named_and_keeps_its_last_good_list(monkeypatch: pytest.MonkeyPatch) -> None:
    discovery = Discovery((), (), ["localhost:8000"])
    before = urls(discovery)
    assert "http://127.0.0.1:8000/metrics" in before

    def fails(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    found, errors = listed(discovery)

    assert [one.url for one in found] == before
    assert errors == [PartError("dns localhost:8000", "cannot be resolved: Name or service not known")]


def test_srv_records_tell_host_and_port(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = pytest.importorskip("dns.resolver")

    class Record:
        target, port = "node-1.internal.", 8001

    monkeypatch.setattr(resolver, "resolve", lambda name, kind, lifetime: [Record()])
    assert urls(Discovery((), (), ["_metrics._tcp.billing.internal/m"])) == ["http://node-1.internal:8001/m"]

    def fails(*_: object, **__: object) -> None:
        raise resolver.NXDOMAIN

    monkeypatch.setattr(resolver, "resolve", fails)
    _, errors = listed(Discovery((), (), ["_metrics._tcp.billing.internal/m"]))
    assert [error.part for error in errors] == ["dns _metrics._tcp.billing.internal/m"]


def test_a_name_may_have_a_scheme_and_a_path() -> None:
    assert DnsName.parsed("https://a.b:8443/x/y") == DnsName("a.b", 8443, "https", "/x/y")
    assert DnsName.parsed("a:1") == DnsName("a", 1, "http", "/metrics")
    assert DnsName.parsed("_m._tcp.a") == DnsName("_m._tcp.a", None, "http", "/metrics")


def test_what_may_be_a_secret_is_not_shown() -> None:
    assert shown("http://me:secret@app:8000/m?token=secret") == "http://app:8000/m"
    assert shown("http://app:8000/m") == "http://app:8000/m"
