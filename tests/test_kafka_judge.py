"""What a cluster says in the words of the vocabulary, and why something is missing."""

from __future__ import annotations

from collections.abc import Iterable

from collectors import metrics as m
from collectors.base import Metric, Sample
from collectors.kafka import judge
from collectors.kafka.backlog import Backlog, Position
from collectors.kafka.cluster import Cluster, Group, Members, Partition, Retention, Topic
from collectors.kafka.history import History

NOW = 10_000.0
TOPIC = Topic("id", {number: Partition(1, (1,), (1,)) for number in (0, 1)})


def values(samples: Iterable[Sample], metric: Metric) -> dict[tuple[str, ...], float]:
    return {sample.labels: sample.value for sample in samples if sample.metric is metric}


def consumer(state: str = "Stable", kind: str = "classic", protocol: str = "consumer") -> Group:
    return Group(1, kind, state, protocol)


def reasons(cluster: Cluster, history: History | None = None, declared: Iterable[str] = ()) -> list[tuple[str, str]]:
    return [tuple(one) for one in judge.missing(cluster, history or History(), declared, NOW)]


def test_a_dead_letter_topic_is_told_with_or_without_a_consumer() -> None:
    cluster = Cluster(
        topics={"orders": TOPIC, "orders.DLT": TOPIC},
        starts={"orders": {0: 0, 1: 0}, "orders.DLT": {0: 3, 1: 0}},
        ends={"orders": {0: 9, 1: 9}, "orders.DLT": {0: 5, 1: 4}},
    )

    samples = list(judge.dead_letters(cluster, History(), {}, NOW))

    assert values(samples, m.DEAD_LETTERS) == {("orders.DLT", "orders"): 6}
    assert values(samples, m.DEAD_LETTERED_MESSAGES_TOTAL) == {("orders.DLT", "orders", ""): 9}


def test_the_time_until_retention_takes_the_oldest_dead_letter_is_told() -> None:
    cluster = Cluster(
        topics={"orders.DLT": TOPIC},
        starts={"orders.DLT": {0: 3, 1: 0}},
        ends={"orders.DLT": {0: 5, 1: 4}},
        retention={"orders.DLT": Retention(3600.0, None)},
    )
    history = History()
    history.records = {("orders.DLT", 0): (3, NOW - 600), ("orders.DLT", 1): (0, NOW - 900)}

    samples = list(judge.dead_letters(cluster, history, {}, NOW))

    assert values(samples, m.DEAD_LETTER_RETENTION_MARGIN_SECONDS) == {("orders.DLT",): 2700}


def test_with_an_age_that_is_not_known_it_is_not_known_either() -> None:
    cluster = Cluster(
        topics={"orders.DLT": TOPIC},
        starts={"orders.DLT": {0: 3, 1: 0}},
        ends={"orders.DLT": {0: 5, 1: 4}},
        retention={"orders.DLT": Retention(3600.0, None)},
    )
    history = History()
    history.records = {("orders.DLT", 0): (3, NOW - 600)}

    samples = list(judge.dead_letters(cluster, history, {}, NOW))

    assert values(samples, m.DEAD_LETTER_RETENTION_MARGIN_SECONDS) == {}


def test_a_dead_letter_topic_of_which_a_partition_is_unknown_is_unknown() -> None:
    cluster = Cluster(topics={"orders.DLT": TOPIC}, starts={"orders.DLT": {0: 0, 1: 0}}, ends={"orders.DLT": {0: 5}})

    assert list(judge.dead_letters(cluster, History(), {}, NOW)) == []


def test_retries_count_for_the_topic_that_is_retried() -> None:
    names = ("orders", "orders-retry-0", "orders-retry-1")
    cluster = Cluster(topics=dict.fromkeys(names, TOPIC), ends={name: {0: 2, 1: 1} for name in names})

    assert values(judge.retries(cluster), m.REDELIVERIES_TOTAL) == {("orders", ""): 6}


def test_members_that_read_a_topic_are_its_consumers_and_the_rest_of_it_is_unassigned() -> None:
    members = Members(2, {"orders": 1}, {"orders": frozenset({0})})
    cluster = Cluster(
        topics={"orders": TOPIC},
        groups={"g": consumer()},
        committed={"g": {"orders": {0: 1, 1: 1}}},
        members={"g": members},
    )

    samples = list(judge.groups(cluster))

    assert values(samples, m.CONSUMERS) == {("orders", "g"): 1}
    assert values(samples, m.UNASSIGNED_PARTITIONS) == {("orders", "g"): 1}
    assert values(samples, m.GROUP_STATE) == {("g",): 3}


def test_while_a_group_rebalances_nothing_is_called_unassigned() -> None:
    cluster = Cluster(
        topics={"orders": TOPIC},
        groups={"g": consumer("PreparingRebalance")},
        committed={"g": {"orders": {0: 1}}},
        members={"g": Members(1, {}, {})},
    )

    assert values(judge.groups(cluster), m.UNASSIGNED_PARTITIONS) == {}


def test_an_empty_group_has_no_consumers() -> None:
    cluster = Cluster(topics={"orders": TOPIC}, groups={"g": consumer("Empty")}, committed={"g": {"orders": {0: 1}}})

    assert values(judge.groups(cluster), m.CONSUMERS) == {("orders", "g"): 0}


def test_of_a_reader_without_a_group_protocol_it_is_not_known_whether_it_runs() -> None:
    cluster = Cluster(
        topics={"orders": TOPIC}, groups={"g": consumer("Empty", protocol="")}, committed={"g": {"orders": {0: 1}}}
    )

    assert values(judge.groups(cluster), m.CONSUMERS) == {}


def test_a_group_that_never_committed_is_named() -> None:
    cluster = Cluster(groups={"g": consumer()}, committed={"g": {}})

    assert reasons(cluster) == [("group g", "never committed")]


def test_an_empty_group_is_named_with_the_time_its_commits_have_left() -> None:
    history = History()
    history.empty_since["g"] = NOW - 3600
    cluster = Cluster(
        topics={"orders": TOPIC},
        groups={"g": consumer("Empty")},
        committed={"g": {"orders": {0: 1}}},
        expiry_seconds=2 * 3600,
    )

    assert reasons(cluster, history) == [("group g: its commits expire in at most 1 hours", "empty and expiring")]


def test_partitions_with_records_that_a_member_has_never_committed_in_are_named() -> None:
    cluster = Cluster(
        topics={"orders": TOPIC},
        groups={"g": consumer()},
        committed={"g": {"orders": {0: 1}}},
        members={"g": Members(1, {"orders": 1}, {"orders": frozenset({0, 1})})},
        starts={"orders": {0: 0, 1: 0}},
        ends={"orders": {0: 5, 1: 5}},
    )

    assert reasons(cluster) == [("group g on topic orders, partitions 1", "never committed")]


def test_a_declared_dead_letter_topic_that_is_not_seen_is_named() -> None:
    assert reasons(Cluster(), declared=["lost.letters"]) == [
        ("dead-letter topic lost.letters", "absent, or Describe denied")
    ]


def test_what_goes_over_the_partition_budget_is_left_out_whole_and_named() -> None:
    found = [Backlog(group, "orders", {0: Position(1, 0, 5), 1: Position(1, 0, 5)}) for group in ("a", "b", "c")]

    samples, skipped = judge.partitions(found, 5)

    assert {sample.labels[1] for sample in samples} == {"a", "b"}
    assert [tuple(one) for one in skipped] == [("2 partitions of group c on topic orders", "over the partition budget")]
