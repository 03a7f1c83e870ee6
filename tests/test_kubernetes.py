"""Kubernetes manifests, those that ship and those that are written: by the schemas of whoever reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from typer.testing import CliRunner

from monitor import config as configuration
from monitor.cli import app
from monitor.grafana import dashboards
from monitor.kubernetes import NAME

SHIPPED = Path(__file__).parent.parent / "docs" / "deploy" / "kubernetes" / "eda-monitor.yaml"
MANIFESTS: dict[str, dict[str, Any]] = {one["kind"]: one for one in yaml.safe_load_all(SHIPPED.read_text())}
DEPLOYMENT = MANIFESTS["Deployment"]["spec"]
POD = DEPLOYMENT["template"]["spec"]
#: What the API server takes in one object; etcd holds no more.
OBJECT_BYTES = 1024 * 1024
#: Of the custom resources of prometheus-operator 0.80, the keys of `spec` that we use; an empty one takes any.
OPERATOR: dict[str, dict[str, Any]] = {
    "ServiceMonitor": {
        "selector": {"matchLabels": {}},
        "endpoints": {"port": {}, "interval": {}, "honorLabels": {}},
    },
    "PrometheusRule": {
        "groups": {
            "name": {},
            "rules": {key: {} for key in ("alert", "expr", "for", "keep_firing_for", "labels", "annotations")},
        }
    },
}

each_container = pytest.mark.parametrize("container", POD["containers"], ids=lambda one: one["name"])


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kubernetes")
    done = CliRunner().invoke(app, ["export-kubernetes", str(folder)], catch_exceptions=False)
    assert done.exit_code == 0
    return folder


def validate(manifest: dict[str, Any]) -> None:
    """By Kubernetes' own schema, without a key that it lacks; raises ValidationError."""
    kubernetes_validate.validate(manifest, "1.31", strict=True)


@pytest.mark.parametrize("kind", MANIFESTS)
def test_a_manifest_conforms_to_its_schema(kind: str) -> None:
    validate(MANIFESTS[kind])


def test_a_key_that_a_schema_lacks_is_found() -> None:
    with pytest.raises(kubernetes_validate.ValidationError, match="replica'"):
        validate(MANIFESTS["Deployment"] | {"spec": DEPLOYMENT | {"replica": 1}})


def test_there_is_one_agent_and_never_two_writers_of_its_store() -> None:
    assert (DEPLOYMENT["replicas"], DEPLOYMENT["strategy"]) == (1, {"type": "Recreate"})


@each_container
def test_a_container_may_do_nothing_but_write_to_its_volumes(container: dict[str, Any]) -> None:
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert POD["securityContext"]["runAsNonRoot"]
    assert not POD["automountServiceAccountToken"]


@each_container
def test_what_a_container_mounts_is_a_volume_of_its_pod(container: dict[str, Any]) -> None:
    assert {one["name"] for one in container["volumeMounts"]} == {one["name"] for one in POD["volumes"]}


@each_container
def test_a_container_is_asked_at_a_port_that_it_has(container: dict[str, Any]) -> None:
    (port,) = container["ports"]

    assert container["readinessProbe"]["httpGet"]["port"] == port["name"]


def test_the_service_finds_the_pod_by_its_labels_and_ports() -> None:
    ports = {port["name"] for container in POD["containers"] for port in container["ports"]}

    assert MANIFESTS["Service"]["spec"]["selector"] == DEPLOYMENT["template"]["metadata"]["labels"]
    assert {one["targetPort"] for one in MANIFESTS["Service"]["spec"]["ports"]} == ports


def test_the_configuration_is_right_and_listens_where_the_ports_are(tmp_path: Path) -> None:
    (tmp_path / "kafka_password").write_text("secret")
    text = MANIFESTS["ConfigMap"]["data"]["eda-monitor.toml"].replace("/etc/eda-monitor/secrets", str(tmp_path))

    config = configuration.parse(text, "eda-monitor.toml", tmp_path)

    listens = [config.exporter.listen, config.console.listen]
    assert [f"0.0.0.0:{one['ports'][0]['containerPort']}" for one in POD["containers"]] == listens
    assert str(config.store.path.parent) in [one["mountPath"] for one in POD["containers"][0]["volumeMounts"]]


@pytest.mark.parametrize("kind", OPERATOR)
def test_what_the_operator_reads_has_no_key_that_it_does_not_know(written: Path, kind: str) -> None:
    (told,) = [one for one in yaml.safe_load_all((written / "monitoring.yaml").read_text()) if one["kind"] == kind]

    assert told["apiVersion"] == "monitoring.coreos.com/v1"
    assert not list(unknown(told["spec"], OPERATOR[kind]))


def test_a_key_that_the_operator_does_not_know_is_found() -> None:
    told = {"selector": {}, "endpoints": [{"port": "metrics", "intervall": "15s"}]}

    assert list(unknown(told, OPERATOR["ServiceMonitor"])) == ["endpoints.intervall"]


def unknown(told: Mapping[str, Any], known: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for key, value in told.items():
        if key not in known:
            yield path + key
        elif known[key]:
            for one in value if isinstance(value, list) else [value]:
                yield from unknown(one, known[key], f"{path}{key}.")


def test_the_service_monitor_finds_the_service_and_its_port(written: Path) -> None:
    found, _ = yaml.safe_load_all((written / "monitoring.yaml").read_text())

    wanted = found["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= MANIFESTS["Service"]["metadata"]["labels"].items()
    assert found["spec"]["endpoints"][0]["port"] in [one["name"] for one in MANIFESTS["Service"]["spec"]["ports"]]


def test_the_rules_are_those_of_the_rule_file(written: Path) -> None:
    _, found = yaml.safe_load_all((written / "monitoring.yaml").read_text())
    shipped = SHIPPED.parents[3] / "dashboards" / "prometheus" / "alerts.yml"

    assert found["spec"] == yaml.safe_load(shipped.read_text())


def test_the_rules_are_written_as_they_are_configured(tmp_path: Path) -> None:
    file = tmp_path / "eda-monitor.toml"
    file.write_text('[alerting]\ngrafana_url = "https://grafana.example.org"\n')

    CliRunner().invoke(app, ["export-kubernetes", str(tmp_path), "--config", str(file)], catch_exceptions=False)

    assert "https://grafana.example.org/d/" in (tmp_path / "monitoring.yaml").read_text()


def test_every_dashboard_is_a_config_map_that_the_sidecar_looks_for(written: Path) -> None:
    found = list(yaml.safe_load_all((written / "dashboards.yaml").read_text()))

    for one in found:
        validate(one)
        assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert len(json.dumps(one)) < OBJECT_BYTES
    assert [one["metadata"]["name"] for one in found] == [f"{NAME}-{board['uid']}" for board in dashboards()]
    assert [json.loads(text) for one in found for text in one["data"].values()] == dashboards()
