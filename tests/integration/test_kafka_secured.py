"""The collector at a broker that lets nobody in unasked: every way in, and the least rights an agent needs."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import ACL, ACLOperation, ACLPermissionType, NewTopic, ResourcePattern, ResourceType
from kafka.structs import OffsetAndMetadata

from collectors import metrics as m
from collectors.base import CollectError, Metric, Reading
from collectors.kafka import KafkaCollector, KafkaSettings
from monitor.demo.services import Secured

pytestmark = pytest.mark.integration

TOPICS = ("orders", "payments", "secret")
LEAST = [
    (ResourceType.TOPIC, "orders", ACLOperation.DESCRIBE),
    (ResourceType.TOPIC, "payments", ACLOperation.DESCRIBE),
    (ResourceType.TOPIC, "payments", ACLOperation.READ),
    (ResourceType.TOPIC, "payments", ACLOperation.DESCRIBE_CONFIGS),
    (ResourceType.GROUP, "shipping", ACLOperation.DESCRIBE),
]
PASSWORD = "monitor-secret"


@pytest.fixture(scope="module", autouse=True)
def scene(secured: Secured) -> Iterator[None]:
    """A group that is behind on three topics; the user `monitor` may see two of them."""
    admin = KafkaAdminClient(bootstrap_servers=secured.admin)
    admin.create_topics([NewTopic(name, 1, 1) for name in TOPICS])
    producer = KafkaProducer(bootstrap_servers=secured.admin)
    for topic in TOPICS:
        for _ in range(5):
            producer.send(topic, b"event", partition=0)
    producer.flush(10)
    producer.close()
    commits = {TopicPartition(topic, 0): OffsetAndMetadata(2, "", -1) for topic in TOPICS}
    until(lambda: not any(error.errno for error in admin.alter_group_offsets("shipping", commits).values()))
    principals = ("User:monitor", "User:CN=monitor")
    for resource, name, operation in LEAST:
        for principal in principals:
            pattern = ResourcePattern(resource, name)
            admin.create_acls([ACL(principal, "*", operation, ACLPermissionType.ALLOW, pattern)])
    yield
    admin.close()


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            if holds():
                return
        except Exception:
            if time.monotonic() > end:
                raise
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.fixture
def ways(secured: Secured, tmp_path: Path) -> dict[str, dict[str, Any]]:
    token = tmp_path / "token"
    token.write_text(unsigned_token("monitor"))
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    tls = {"ssl_cafile": secured.ca}
    user = {"username": "monitor", "password": PASSWORD}
    plaintext = {"bootstrap_servers": (secured.sasl_plaintext,), "security_protocol": "SASL_PLAINTEXT"}
    encrypted = {"bootstrap_servers": (secured.sasl_ssl,), "security_protocol": "SASL_SSL", **tls}
    certificate = {"ssl_certfile": secured.client_certificate, "ssl_keyfile": secured.client_key}
    return {
        "TLS": {"bootstrap_servers": (secured.tls,), "security_protocol": "SSL", **tls},
        "mutual TLS": {"bootstrap_servers": (secured.mtls,), "security_protocol": "SSL", **tls, **certificate},
        "PLAIN": {**plaintext, "sasl_mechanism": "PLAIN", **user},
        "PLAIN over TLS": {**encrypted, "sasl_mechanism": "PLAIN", "username": "monitor", "password_file": secret},
        "SCRAM-SHA-256": {**plaintext, "sasl_mechanism": "SCRAM-SHA-256", **user},
        "SCRAM-SHA-256 over TLS": {**encrypted, "sasl_mechanism": "SCRAM-SHA-256", **user},
        "SCRAM-SHA-512 over TLS": {**encrypted, "sasl_mechanism": "SCRAM-SHA-512", **user},
        "OAUTHBEARER over TLS": {**encrypted, "sasl_mechanism": "OAUTHBEARER", "oauth_token_file": token},
    }


def unsigned_token(subject: str) -> str:
    claims = {"sub": subject, "iat": time.time() - 10, "exp": time.time() + 3600}
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


def made(**settings: Any) -> KafkaCollector:
    return KafkaCollector(KafkaSettings(name="test", kind="kafka", timeout=10, **settings))


def collected(collector: KafkaCollector) -> Reading:
    try:
        return collector.collect(time.time(), time.monotonic() + 10)
    finally:
        collector.close()


def value(reading: Reading, metric: Metric, *labels: str) -> float | None:
    return next((s.value for s in reading.samples if s.metric is metric and s.labels == labels), None)


WAYS = [
    "TLS", "mutual TLS", "PLAIN", "PLAIN over TLS", "SCRAM-SHA-256", "SCRAM-SHA-256 over TLS",
    "SCRAM-SHA-512 over TLS", "OAUTHBEARER over TLS",
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_the_backlog_is_read_over(ways: dict[str, dict[str, Any]], way: str) -> None:
    assert value(collected(made(**ways[way])), m.BACKLOG_MESSAGES, "payments", "shipping") == 3


def test_describe_on_topics_and_groups_is_enough_for_the_backlog(ways: dict[str, dict[str, Any]]) -> None:
    reading = collected(made(**ways["PLAIN"]))

    assert value(reading, m.BACKLOG_MESSAGES, "orders", "shipping") == 3
    assert value(reading, m.BACKLOG_AGE_QUALITY, "orders", "shipping") == 1
    assert value(reading, m.RETENTION_MARGIN_SECONDS, "orders", "shipping") is None
    assert ("topic orders", "Read denied, ages not exact") in reading.skipped


def test_read_makes_ages_exact_and_describe_configs_tells_of_retention(ways: dict[str, dict[str, Any]]) -> None:
    reading = collected(made(**ways["PLAIN"]))

    assert value(reading, m.BACKLOG_AGE_QUALITY, "payments", "shipping") == 3
    assert value(reading, m.RETENTION_MARGIN_SECONDS, "payments", "shipping") is not None


def test_a_topic_that_is_denied_hides_nothing_else(ways: dict[str, dict[str, Any]]) -> None:
    reading = collected(made(**ways["PLAIN"]))

    assert {s.labels[0] for s in reading.samples if s.metric is m.BACKLOG_MESSAGES} == {"orders", "payments"}
    assert reading.errors == []


def test_check_says_which_right_is_missing_and_how_to_grant_it(ways: dict[str, dict[str, Any]]) -> None:
    collector = made(**ways["PLAIN"])
    found = collector.check(time.monotonic() + 10)
    collector.close()

    (read,) = [finding for finding in found if finding.what.startswith("Read is not granted on orders")]
    assert "--add --allow-principal 'User:monitor' --operation Read --topic" in read.hint


def test_check_of_a_user_without_rights_says_that_nothing_is_visible(secured: Secured) -> None:
    collector = made(
        bootstrap_servers=(secured.sasl_plaintext,), security_protocol="SASL_PLAINTEXT", sasl_mechanism="PLAIN",
        username="nobody", password="nobody-secret",
    )  # fmt: skip
    found = {finding.what: finding.hint for finding in collector.check(time.monotonic() + 10) if not finding.ok}
    collector.close()

    assert "--operation Describe --topic" in found["no topic is visible that the filter admits"]
    assert "--operation Describe --group" in found["no group is visible that the filter admits"]


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_a_wrong_password_is_named_and_not_shown(secured: Secured, mechanism: str) -> None:
    collector = made(
        bootstrap_servers=(secured.sasl_plaintext,), security_protocol="SASL_PLAINTEXT", sasl_mechanism=mechanism,
        username="monitor", password="wrong-secret",
    )  # fmt: skip

    with pytest.raises(CollectError, match=r"(?i)authentication failed|password") as caught:
        collected(collector)

    assert "wrong-secret" not in str(caught.value)


def test_a_certificate_that_is_not_trusted_is_named(secured: Secured) -> None:
    with pytest.raises(CollectError, match=r"(?i)certificate"):
        collected(made(bootstrap_servers=(secured.tls,), security_protocol="SSL"))


def test_a_plaintext_client_at_a_tls_port_fails_in_time(secured: Secured) -> None:
    began = time.monotonic()

    with pytest.raises(CollectError, match=secured.tls):
        collected(made(bootstrap_servers=(secured.tls,)))

    assert time.monotonic() - began < 12
