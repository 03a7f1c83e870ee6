"""A full cycle of the agent against a bare loop of kafka-python's admin client over the same cluster.

One broker, 100 topics of 30 partitions, 500 groups of 30 commits. A cycle reads, judges, stores, evaluates the
rules and renders the page; the bare loop only reads the same offsets. Records are produced between cycles, so that
there is something to write.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.structs import OffsetAndMetadata

from collectors.kafka import KafkaCollector, KafkaSettings
from monitor.agent import Agent, scrape
from monitor.alerts.delivery import Deliverer
from monitor.alerts.engine import Engine
from monitor.alerts.routing import Alerting, Receiver
from monitor.alerts.rules import default_rules
from monitor.demo import services
from monitor.exporter import Exporter
from monitor.store.writer import Store

TOPICS, PARTITIONS, GROUPS = 100, 30, 500
ROUNDS, CYCLES = 8, 10


def fill(bootstrap: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    names = [f"topic-{number:03}" for number in range(TOPICS)]
    for at in range(0, TOPICS, 20):
        admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names[at : at + 20]])
    produce(bootstrap, 2)
    for number in range(GROUPS):
        topic = names[number % TOPICS]
        offsets = {TopicPartition(topic, p): OffsetAndMetadata(1, "", -1) for p in range(PARTITIONS)}
        commit(admin, f"group-{number:03}", offsets)
    admin.close()


def commit(admin: KafkaAdminClient, group: str, offsets: dict[TopicPartition, OffsetAndMetadata]) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            admin.alter_group_offsets(group, offsets)
            return
        except Exception:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def produce(bootstrap: str, each: int) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=20)
    for topic in range(TOPICS):
        for partition in range(PARTITIONS):
            for _ in range(each):
                producer.send(f"topic-{topic:03}", b"x" * 100, partition=partition)
    producer.flush(60)
    producer.close()


def bare(admin: KafkaAdminClient) -> Callable[[], None]:
    """What a script of twenty lines does with the admin client."""

    def loop() -> None:
        topics = admin.describe_topics()
        partitions = [TopicPartition(t["name"], p["partition_index"]) for t in topics for p in t["partitions"]]
        groups = [group["group_id"] for group in admin.list_groups()]
        for at in range(0, len(groups), 50):
            admin.list_group_offsets(groups[at : at + 50])
        admin.list_partition_offsets(dict.fromkeys(partitions, -1))
        admin.list_partition_offsets(dict.fromkeys(partitions, -2))

    return loop


def measured(run: Callable[[], object], between: Callable[[], None]) -> tuple[float, float]:
    """(CPU, wall) in seconds, medians; the first two rounds warm up."""
    cpu, wall = [], []
    for _ in range(ROUNDS):
        between()
        began, began_cpu = time.perf_counter(), time.process_time()
        run()
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - began_cpu)
    return statistics.median(cpu[2:]), statistics.median(wall[2:])


def agent_memory(bootstrap: str, folder: Path) -> float:
    """Megabytes that `eda-monitor agent` had at most, in a process of its own, while events come in."""
    port = services.free_port()
    (folder / "agent.toml").write_text(
        f'[exporter]\nlisten = "127.0.0.1:{port}"\n[[targets]]\nname = "bench"\nkind = "kafka"\n'
        f'bootstrap_servers = ["{bootstrap}"]\ninterval = "1s"\n'
    )
    command = [sys.executable, "-m", "monitor", "agent", "--config", str(folder / "agent.toml")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        for _ in range(CYCLES):
            produce(bootstrap, 1)
            time.sleep(1)
            httpx.get(f"http://127.0.0.1:{port}/metrics")
        status = Path(f"/proc/{process.pid}/status").read_text()
        process.terminate()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


def main() -> None:
    with services.kafka() as kafka, tempfile.TemporaryDirectory() as folder:
        fill(kafka.bootstrap)
        settings = KafkaSettings(name="bench", kind="kafka", bootstrap_servers=(kafka.bootstrap,), timeout=30)
        collector, exporter, store = KafkaCollector(settings), Exporter(), Store(Path(folder) / "bench.db")
        engine = Engine(default_rules(), Alerting((Receiver("ops"),)), "")
        agent = Agent([(settings, collector)], store, exporter, engine, Deliverer(store, {}))
        requests = []

        def cycle() -> None:
            outcome = scrape(settings, collector)
            assert outcome.ok, outcome.error
            agent.take(outcome)
            exporter.page.form(False, False)
            requests.append(outcome.reading.requests)

        full = measured(cycle, lambda: produce(kafka.bootstrap, 1))
        admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        alone = measured(bare(admin), lambda: None)
        admin.close()
        phases = agent.tallies["bench"].phases
        agent.stop()
        memory = agent_memory(kafka.bootstrap, Path(folder))
        print(f"{TOPICS} topics x {PARTITIONS} partitions, {GROUPS} groups x {PARTITIONS} commits, one broker")
        print(
            f"  full cycle        CPU {full[0] * 1e3:6.0f} ms   wall {full[1] * 1e3:6.0f} ms   {requests[-1]} requests"
        )
        print(f"  bare admin loop   CPU {alone[0] * 1e3:6.0f} ms   wall {alone[1] * 1e3:6.0f} ms")
        print(
            f"  ratio             CPU {full[0] / alone[0]:6.2f}      wall {full[1] / alone[1]:6.2f}   (CPU: at most 2)"
        )
        print(f"  peak RSS of an agent after {CYCLES} cycles: {memory:.0f} MB (at most 100)")
        print("  phases", {name: f"{seconds * 1e3:.0f} ms" for name, seconds in phases.items()})


if __name__ == "__main__":
    main()
