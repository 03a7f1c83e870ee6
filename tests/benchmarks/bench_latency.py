"""From a dead letter to the webhook: the agent alone, and Prometheus with Alertmanager, side by side over one Kafka.

20 runs, each a target of its own and the first dead letter of its topic at a random moment, so that no group of alerts
waits for another one. Intervals and waits are the defaults of each: the agent reads every 15 s; Prometheus, as
`dashboards/prometheus/prometheus.yml` has it, scrapes and evaluates every 15 s; Alertmanager has a group_wait of 30 s.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from kafka import KafkaProducer

from monitor.demo import services

RUNS, SPREAD_SECONDS, PATIENCE_SECONDS, WARM_UP_SECONDS = 20, 40.0, 150.0, 40.0
RULES = Path(__file__).parents[2] / "dashboards/prometheus/alerts.yml"
PROMETHEUS = """
global: {{scrape_interval: 15s, evaluation_interval: 15s}}
rule_files: ["{rules}"]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["{alertmanager}"]}}]}}]}}
scrape_configs:
  - job_name: eda-monitor
    honor_labels: true
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
ALERTMANAGER = """
route: {{receiver: hook, group_by: [alertname, target]}}
receivers: [{{name: hook, webhook_configs: [{{url: "{url}"}}]}}]
"""
TARGET = """
[[targets]]
name = "{name}"
kind = "kafka"
bootstrap_servers = ["{bootstrap}"]
topics = {{ include = ["{name}[.].*"] }}
"""
AGENT = """
[exporter]
listen = "127.0.0.1:{port}"
[[receivers]]
name = "ops"
kind = "webhook"
url = "{url}"
"""


@contextmanager
def webhook() -> Iterator[tuple[str, dict[str, float]]]:
    """When the first message about a target's dead letters came."""
    came: dict[str, float] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            for alert in json.loads(self.rfile.read(int(self.headers["Content-Length"])))["alerts"]:
                if alert["labels"]["alertname"] == "DeadLettersGrowing":
                    came.setdefault(alert["labels"]["target"], time.monotonic())
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hook", came
    server.shutdown()
    server.server_close()


@contextmanager
def agent(text: str) -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "agent.toml"
        file.write_text(text)
        command = [sys.executable, "-m", "monitor", "agent", "--config", str(file)]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            yield
            process.terminate()


def warm_up(port: int) -> None:
    """Until every target was read, and Prometheus has had time to see that."""
    while True:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/metrics").text.count("\neda_collector_up{") >= RUNS:
                break
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    time.sleep(WARM_UP_SECONDS)


def produced(bootstrap: str, names: list[str], rng: random.Random) -> dict[str, float]:
    """When the broker had each dead letter."""
    producer, at = KafkaProducer(bootstrap_servers=bootstrap), dict[str, float]()
    began = time.monotonic()
    for name, due in sorted(
        zip(names, [rng.uniform(0, SPREAD_SECONDS) for _ in names], strict=True), key=lambda x: x[1]
    ):
        time.sleep(max(0.0, began + due - time.monotonic()))
        producer.send(f"{name}.events.DLT", b"dead").get(30)
        at[name] = time.monotonic()
    producer.close()
    return at


def shown(what: str, came: dict[str, float], at: dict[str, float]) -> float:
    waits = sorted(came[name] - at[name] for name in at if name in came)
    median = statistics.median(waits)
    print(f"  {what:32} median {median:6.1f} s   worst {waits[-1]:6.1f} s   best {waits[0]:5.1f} s   of {len(waits)}")
    return median


def main() -> None:
    rng, names, port = random.Random(7), [f"latency-{n:02}" for n in range(RUNS)], services.free_port()
    with services.kafka() as kafka, webhook() as (ours, told_by_agent), webhook() as (theirs, told_by_alertmanager):
        text = AGENT.format(port=port, url=ours) + "".join(
            TARGET.format(name=name, bootstrap=kafka.bootstrap) for name in names
        )
        with services.alertmanager(ALERTMANAGER.format(url=theirs)) as alertmanager, agent(text):
            address = alertmanager.removeprefix("http://")
            with services.prometheus(PROMETHEUS.format(rules=RULES, alertmanager=address, port=port)):
                warm_up(port)
                at = produced(kafka.bootstrap, names, rng)
                end = time.monotonic() + PATIENCE_SECONDS
                while time.monotonic() < end and min(len(told_by_agent), len(told_by_alertmanager)) < RUNS:
                    time.sleep(0.2)
    print(f"from a dead letter to the webhook, {RUNS} runs")
    one = shown("the agent", told_by_agent, at)
    other = shown("Prometheus and Alertmanager", told_by_alertmanager, at)
    print(f"  ratio of the medians {other / one:.1f}")


if __name__ == "__main__":
    main()
