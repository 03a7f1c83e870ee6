"""What outlives a cycle and a restart of the Kafka collector."""

from __future__ import annotations

from collectors.kafka.cluster import Cluster, Group, Partition, Topic
from collectors.kafka.history import History
from collectors.timeline import EXACT, LOWER_BOUND, Age


def cluster(end: int, topic: str = "orders", groups: dict[str, Group] | None = None) -> Cluster:
    return Cluster(
        topics={topic: Topic("id", {0: Partition(1, (1,), (1,))})},
        ends={topic: {0: end}},
        starts={topic: {0: 0}},
        groups=groups or {},
    )


class Disk:
    """What was stored, as the store would keep it."""

    def __init__(self) -> None:
        self.memory: dict[str, bytes] = {}
        self.writes: list[str] = []

    def store(self, history: History, now: float) -> None:
        for key, blob in history.take_changes(now).items():
            self.writes.append(key)
            if blob is None:
                self.memory.pop(key, None)
            else:
                self.memory[key] = blob

    def restarted(self) -> History:
        history = History()
        history.restore(self.memory)
        return history


def run(history: History, disk: Disk, start: float, ends: list[int]) -> float:
    """A cycle every 10 s."""
    for number, end in enumerate(ends):
        history.note(cluster(end), start + 10 * number)
        disk.store(history, start + 10 * number)
    return start + 10 * (len(ends) - 1)


def test_the_age_of_a_backlog_is_known_after_a_restart() -> None:
    disk = Disk()
    now = run(History(), disk, 1000, [0, 0, 5] + [5] * 20)

    age = disk.restarted().age("orders", 0, 0, now)

    assert age is not None
    assert 200 <= age.seconds <= 210


def test_a_topic_quiet_for_hours_is_known_to_have_been_quiet_until_the_agent_stopped() -> None:
    disk = Disk()
    stopped = run(History(), disk, 1000, [0, 5] + [5] * 1000)
    history = disk.restarted()

    history.note(cluster(9), stopped + 30)

    age = history.age("orders", 0, 5, stopped + 30)
    assert age is not None
    assert age.seconds <= 30


def test_what_changed_since_it_was_stored_is_not_taken_for_quiet() -> None:
    disk = Disk()
    stopped = run(History(), disk, 1000, [0, 1, 2, 3, 4])
    history = disk.restarted()

    history.note(cluster(9), stopped + 1000)

    assert list(history.timelines["orders"][0].times) == [1000, stopped + 1000]


def test_a_quiet_topic_is_not_stored_again_and_again() -> None:
    disk = Disk()
    run(History(), disk, 1000, [5] * 500)

    assert disk.writes.count("timeline/orders") <= 2


def test_a_busy_topic_is_stored_once_a_minute() -> None:
    disk = Disk()
    run(History(), disk, 1000, list(range(60)))

    assert 9 <= disk.writes.count("timeline/orders") <= 11


def test_a_topic_that_is_gone_is_forgotten() -> None:
    disk, history = Disk(), History()
    run(history, disk, 1000, [1])

    history.note(Cluster(), 1010)
    disk.store(history, 1010)

    assert "timeline/orders" not in disk.memory
    assert history.age("orders", 0, 0, 1010) is None


def test_a_record_that_was_read_tells_its_age_exactly() -> None:
    history = History()
    history.note(cluster(5), 1000)
    history.records["orders", 0] = (2, 900.0)

    assert history.age("orders", 0, 2, 1000) == Age(100, EXACT)
    assert history.age("orders", 0, 3, 1060) == Age(60, LOWER_BOUND)


def test_records_ever_written_survive_truncation_recreation_and_restart() -> None:
    disk, history = Disk(), History()
    assert history.write("dlt", "a", 5) == 5
    assert history.write("dlt", "a", 7) == 7
    assert history.write("dlt", "b", 2) == 9  # deleted and made anew
    disk.store(history, 1000)
    history = disk.restarted()
    assert history.write("dlt", "b", 3) == 10
    assert history.write("dlt", "b", 1) == 10  # an unclean election lost two
    assert history.write("dlt", "b", 2) == 11


def test_groups_are_known_to_be_empty_since_they_were_first_seen_so() -> None:
    disk, history = Disk(), History()
    groups = {"idle": Group(1, "classic", "Empty", "consumer"), "busy": Group(1, "classic", "Stable", "consumer")}
    for now in (1000.0, 1010.0):
        history.note(cluster(1, groups=groups), now)
        disk.store(history, now)

    assert disk.restarted().empty_since == {"idle": 1000.0}


def test_memory_that_cannot_be_read_is_as_if_it_had_never_been() -> None:
    history = History()

    history.restore({"timeline/orders": b"nonsense", "written": b"{", "unheard of": b"1"})

    assert history.timelines == {}
    assert {key for key, blob in history.take_changes(0).items() if blob is None} == {
        "timeline/orders", "written", "unheard of",
    }  # fmt: skip
