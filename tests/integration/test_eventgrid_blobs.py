"""Dead letters in a real blob server: found, counted once, and each fault named."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from azure.storage.blob import ContainerClient

from collectors import metrics as m
from collectors.base import Reading
from collectors.eventgrid import EventGridCollector
from collectors.eventgrid.client import Client
from collectors.eventgrid.containers import DeadLetterContainer, DeadLetterReads
from collectors.eventgrid.grid import Grid
from collectors.eventgrid.letters import DeadLetterBlobs
from collectors.eventgrid.origins import Origins
from collectors.eventgrid.settings import EventGridSettings
from monitor.demo.services import Azurite, free_port
from monitor.demo.services.azurite import ACCOUNT, KEY
from monitor.demo.services.event_grid import GROUP, SUBSCRIPTION, SimulatedAzure, refuse, simulated_azure
from monitor.demo.traffic.blobs import BILLING, FULFILMENT, cloud_event, folder, grid_event, write
from monitor.store.reader import Reader
from monitor.store.series import StoreError

pytestmark = pytest.mark.integration

SECONDS = 30.0
Made = tuple[ContainerClient, DeadLetterBlobs]


@pytest.fixture
def container(azurite: Azurite) -> Iterator[ContainerClient]:
    """A container of its own."""
    name = f"dead-{uuid.uuid4().hex[:8]}"
    with ContainerClient.from_connection_string(azurite.connection_string, name) as made:
        made.create_container()
        yield made


@pytest.fixture
def client() -> Iterator[Client]:
    made = Client(EventGridSettings(name="azure", kind="eventgrid", subscription_id=SUBSCRIPTION))
    yield made
    made.close()


def watching(client: Client, connection: str, *names: str, **reads: object) -> DeadLetterBlobs:
    told = [DeadLetterContainer.model_validate({"container": n, "connection_string": connection}) for n in names]
    return DeadLetterBlobs(told, DeadLetterReads.model_validate({"interval": "1ms", **reads}), client)


def read(letters: DeadLetterBlobs, now: float) -> Reading:
    reading = Reading()
    letters.read(reading, now, time.monotonic() + SECONDS, Origins(Grid()))
    return reading


def told(reading: Reading, metric: m.Metric) -> dict[str, float]:
    return {sample.labels[-1]: sample.value for sample in reading.samples if sample.metric is metric}


def test_both_layouts_and_schemas_are_counted_by_reason_and_outcome(
    azurite: Azurite, container: ContainerClient, client: Client
) -> None:
    now, chance = time.time(), random.Random(1)
    letters = watching(client, azurite.connection_string, container.container_name)
    read(letters, now)
    write(container, BILLING, now, [grid_event(1, now), grid_event(2, now, outcome="Busy")], chance)
    write(container, BILLING, now, grid_event(3, now), chance)
    write(container, FULFILMENT, now, [cloud_event(4, now), cloud_event(5, now, wrapped=False)], chance)

    reading = read(letters, now + 60)

    assert reading.errors == []
    assert told(reading, m.DEAD_LETTERED_MESSAGES_TOTAL) == {
        f"MaxDeliveryAttemptsExceeded: NotFound ({BILLING})": 2,
        f"MaxDeliveryAttemptsExceeded: Busy ({BILLING})": 1,
        f"TimeToLiveExceeded: TimedOut ({FULFILMENT})": 2,
    }
    assert told(reading, m.DEAD_LETTERS) == {"": 5}
    assert 0 <= told(reading, m.DEAD_LETTER_AGE_SECONDS)[f"{ACCOUNT}/{container.container_name}"] < 120


def test_what_is_deleted_goes_from_the_depth_and_not_from_the_count(
    azurite: Azurite, container: ContainerClient, client: Client
) -> None:
    now, chance = time.time(), random.Random(1)
    letters = watching(client, azurite.connection_string, container.container_name)
    read(letters, now)
    names = [write(container, BILLING, now, [grid_event(1, now)], chance) for _ in range(3)]
    read(letters, now + 60)
    container.delete_blob(names[0])

    reading = read(letters, now + 120)

    assert sum(told(reading, m.DEAD_LETTERS).values()) == 2
    assert sum(told(reading, m.DEAD_LETTERED_MESSAGES_TOTAL).values()) == 3


def test_empty_half_written_and_broken_blobs_are_named_and_the_rest_is_counted(
    azurite: Azurite, container: ContainerClient, client: Client
) -> None:
    now = time.time()
    letters = watching(client, azurite.connection_string, container.container_name)
    read(letters, now)
    for nth, body in enumerate((b"", b'[{"id": "1"}, {"id', b"\x00\xff", b'{"deadLetterReason": "A"}')):
        container.upload_blob(f"{folder(BILLING, now)}{nth}.json", body)

    reading = read(letters, now + 60)

    assert [one.message for one in reading.errors if "ends in the middle" in one.message]
    assert len(reading.errors) == 3
    assert sum(told(reading, m.DEAD_LETTERED_MESSAGES_TOTAL).values()) == 4


def test_a_huge_blob_is_read_within_the_budget(azurite: Azurite, container: ContainerClient, client: Client) -> None:
    now = time.time()
    letters = watching(client, azurite.connection_string, container.container_name, blob_bytes=2000)
    read(letters, now)
    write(container, BILLING, now, [grid_event(nth, now) for nth in range(10_000)], random.Random(1))

    reading = read(letters, now + 60)

    assert 1 <= sum(told(reading, m.DEAD_LETTERED_MESSAGES_TOTAL).values()) <= 4
    assert "counted as one event each at least" in reading.skipped[0].reason


def test_one_container_that_is_gone_is_named_and_the_other_is_read(
    azurite: Azurite, container: ContainerClient, client: Client
) -> None:
    letters = watching(client, azurite.connection_string, "no-such", container.container_name)
    write(container, BILLING, time.time(), [grid_event(1, 0.0)], random.Random(1))

    reading = read(letters, time.time())

    assert sum(told(reading, m.DEAD_LETTERS).values()) == 1
    (error,) = reading.errors
    assert error.part == f"dead letters in {ACCOUNT}/no-such"
    assert "ContainerNotFound" in error.message and "gone or misspelt" in error.message


def test_a_container_that_comes_back_is_read_on(azurite: Azurite, container: ContainerClient, client: Client) -> None:
    now, chance = time.time(), random.Random(1)
    letters = watching(client, azurite.connection_string, container.container_name)
    write(container, BILLING, now, [grid_event(1, now)], chance)
    read(letters, now)
    container.delete_container()
    gone = read(letters, now + 60)
    container.create_container()
    write(container, BILLING, now, [grid_event(2, now), grid_event(3, now)], chance)

    back = read(letters, now + 120)

    assert gone.samples == []
    assert sum(told(back, m.DEAD_LETTERS).values()) == 2
    assert sum(told(back, m.DEAD_LETTERED_MESSAGES_TOTAL).values()) == 2


def test_a_wrong_key_is_told_as_such_and_not_shown(azurite: Azurite, client: Client) -> None:
    wrong = "bm8gc3VjaCBrZXk="
    letters = watching(client, azurite.connection_string.replace(KEY, wrong), "dead")

    (error,) = read(letters, time.time()).errors

    assert "the key or the signature is wrong" in error.message
    assert wrong not in error.message


def test_an_account_that_is_not_there_is_told_as_such(client: Client) -> None:
    connection = f"AccountName=nosuch;AccountKey={KEY};BlobEndpoint=http://nosuch.invalid;"

    (error,) = read(watching(client, connection, "dead"), time.time()).errors

    assert error.part == "dead letters in nosuch/dead"
    assert "there is no account of this name" in error.message


@contextmanager
def refusing(code: str, message: str) -> Iterator[str]:
    """A server that refuses as Azure documents it; yields a connection string."""
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(403)
            self.send_header("x-ms-error-code", code)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"AccountName=shop;AccountKey={KEY};BlobEndpoint=http://127.0.0.1:{server.server_address[1]}/shop;"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("AuthorizationPermissionMismatch", "give the agent's identity the role Storage Blob Data Reader"),
        ("AuthorizationFailure", "the account's firewall"),
    ],
)
def test_a_refusal_says_what_to_do(client: Client, code: str, hint: str) -> None:
    with refusing(code, "This request is not authorized to perform this operation.") as connection:
        letters = watching(client, connection, "dead")

        (error,) = read(letters, time.time()).errors

    assert code in error.message and hint in error.message
    assert list(letters.findings()) == []


def collecting(azure: SimulatedAzure, azurite: Azurite, container: ContainerClient) -> EventGridCollector:
    given = {
        "name": "azure",
        "kind": "eventgrid",
        "subscription_id": SUBSCRIPTION,
        "endpoints": {"management": azure.url, "metrics": azure.url},
        "dead_letter_containers": [
            {"container": container.container_name, "connection_string": azurite.connection_string}
        ],
    }
    return EventGridCollector(EventGridSettings.model_validate(given))


def test_the_topic_is_known_by_the_topology_and_nothing_is_counted_twice(
    azurite: Azurite, container: ContainerClient
) -> None:
    simulation = SimulatedAzure(delay=-60)
    topic = simulation.add("topics", "orders")
    storage = (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}"
    )
    place = {"resourceId": storage, "blobContainerName": container.container_name}
    simulation.subscribe(topic, "billing", deadLetterDestination={"endpointType": "StorageBlob", "properties": place})
    now = time.time()
    with simulated_azure(simulation) as azure, closing(collecting(azure, azurite, container)) as collector:
        collector.collect(now, time.monotonic() + SECONDS)
        simulation.count(topic, "DeadLetteredCount", 1, EventSubscriptionName="billing", DeadLetterReason="X")
        write(container, BILLING, now, [grid_event(1, now)], random.Random(1))

        samples = collector.collect(now + 60, time.monotonic() + SECONDS).samples

    where = f"{ACCOUNT}/{container.container_name}"
    assert [s for s in samples if s.metric is m.DEAD_LETTERED_MESSAGES_TOTAL] == [
        m.DEAD_LETTERED_MESSAGES_TOTAL.sample(1, where, "orders", "MaxDeliveryAttemptsExceeded: NotFound (billing)")
    ]
    assert m.DEAD_LETTERS.sample(1, where, "orders") in samples
    assert m.DEAD_LETTER_ROUTE.sample(1.0, "orders", where) in samples


def test_containers_are_read_although_the_topics_cannot_be(azurite: Azurite, container: ContainerClient) -> None:
    simulation = SimulatedAzure()
    simulation.faults[f"/subscriptions/{SUBSCRIPTION}"] = lambda request: refuse(
        request, 403, "AuthorizationFailed", "no role"
    )
    write(container, BILLING, time.time(), [grid_event(1, 0.0)], random.Random(1))
    with simulated_azure(simulation) as azure, closing(collecting(azure, azurite, container)) as collector:
        reading = collector.collect(time.time(), time.monotonic() + SECONDS)
        findings = collector.check(time.monotonic() + SECONDS)

    assert told(reading, m.DEAD_LETTERS) == {"": 1}
    assert any("AuthorizationFailed" in one.message for one in reading.errors)
    assert f"dead letters in {ACCOUNT}/{container.container_name}: 1 blobs" in [one.what for one in findings if one.ok]


def test_an_agent_that_is_killed_again_and_again_counts_every_dead_letter_once(
    azurite: Azurite, container: ContainerClient, tmp_path: Path
) -> None:
    chance = random.Random(7)
    simulation = SimulatedAzure(delay=-60)
    simulation.add("topics", "orders")
    with simulated_azure(simulation) as azure:
        file = tmp_path / "eda-monitor.toml"
        file.write_text(
            f'[exporter]\nlisten = "127.0.0.1:{free_port()}"\n[[targets]]\nname = "azure"\nkind = "eventgrid"\n'
            f'subscription_id = "{SUBSCRIPTION}"\ninterval = "1s"\n'
            f'endpoints = {{ management = "{azure.url}", metrics = "{azure.url}" }}\n'
            f'[[targets.dead_letter_containers]]\ncontainer = "{container.container_name}"\n'
            f'connection_string = "{azurite.connection_string}"\n[targets.dead_letter_reads]\ninterval = "1s"\n'
        )
        write(container, BILLING, time.time(), [grid_event(0, 0.0)], chance)
        written = 0
        for life in range(4):
            agent = subprocess.Popen([sys.executable, "-m", "monitor", "agent", "--config", str(file)])
            try:
                if life == 0:
                    until(lambda: depth(tmp_path) == 1)
                for _ in range(3):
                    written += 2
                    write(container, BILLING, time.time(), [grid_event(n, 0.0) for n in range(2)], chance)
                at_least = chance.randint(0, written) if life < 3 else written
                until(lambda at_least=at_least: arrived(tmp_path) >= at_least)  # type: ignore[misc]
            finally:
                agent.kill()
                agent.wait()

    assert (arrived(tmp_path), depth(tmp_path)) == (written, written + 1)


def latest(folder: Path, metric: m.Metric) -> float:
    """The sum of a metric in the store; 0 as long as the agent makes it."""
    try:
        with closing(Reader(folder / "eda-monitor.db")) as reader:
            return sum(one.points[-1][1] for one in reader.latest(metric.name, time.time()))
    except StoreError:
        return 0.0


def arrived(folder: Path) -> float:
    return latest(folder, m.DEAD_LETTERED_MESSAGES_TOTAL)


def depth(folder: Path) -> float:
    return latest(folder, m.DEAD_LETTERS)


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.1)
