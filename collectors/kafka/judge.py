"""What a cycle's cluster says in the words of the vocabulary. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from collectors import metrics as m
from collectors.base import Sample, Skipped
from collectors.kafka.backlog import Backlog, ages, retention_margin, worst
from collectors.kafka.cluster import STATES, Cluster
from collectors.kafka.deadletters import source_of_dead_letters, source_of_retries
from collectors.kafka.history import History
from collectors.timeline import LOWER_BOUND

#: What Kafka does without being told otherwise: `offsets.retention.minutes`.
EXPIRY_SECONDS = 7 * 86400.0


def destinations(cluster: Cluster) -> Iterator[Sample]:
    for topic, ends in cluster.ends.items():
        if cluster.complete(topic):
            yield m.MESSAGES_IN_TOTAL.sample(sum(ends.values()), topic)


def retries(cluster: Cluster) -> Iterator[Sample]:
    """Events written to the retry topics of a topic."""
    written: dict[str, list[int | None]] = defaultdict(list)
    for topic in cluster.topics:
        source = source_of_retries(topic, cluster.topics.keys())
        if source is not None:
            written[source].append(sum(cluster.ends[topic].values()) if cluster.complete(topic) else None)
    for source, counts in written.items():
        known = [count for count in counts if count is not None]
        if len(known) == len(counts):
            yield m.REDELIVERIES_TOTAL.sample(sum(known), source, "")


def dead_letters(cluster: Cluster, history: History, declared: Mapping[str, str], now: float) -> Iterator[Sample]:
    """Depth, count and age of the dead-letter topics, whoever reads them."""
    for name, topic in cluster.topics.items():
        source = source_of_dead_letters(name, cluster.topics.keys(), declared)
        spans = cluster.spans(name)
        if source is None or spans.keys() != topic.partitions.keys():
            continue
        yield m.DEAD_LETTERS.sample(sum(end - start for start, end in spans.values()), name, source)
        written = history.write(name, topic.id, sum(end for _, end in spans.values()))
        yield m.DEAD_LETTERED_MESSAGES_TOTAL.sample(written, name, source, "")
        oldest = [history.age(name, p, start, now) for p, (start, end) in spans.items() if end > start]
        known = [age for age in oldest if age is not None]
        if known:
            yield m.DEAD_LETTER_AGE_SECONDS.sample(max(age.seconds for age in known), name)
        retention = cluster.retention.get(name)
        if retention is not None and retention.seconds is not None and known and len(known) == len(oldest):
            age = worst(dict(enumerate(known)))
            if age.quality != LOWER_BOUND:  # of which nothing follows about the time that is left
                margin = max(0.0, retention.seconds - age.seconds)
                yield m.DEAD_LETTER_RETENTION_MARGIN_SECONDS.sample(margin, name)


def backlog(one: Backlog, cluster: Cluster, history: History, now: float) -> Iterator[Sample]:
    """Backlog of one group on one topic, in messages and in seconds, and what is lost or about to be."""
    positions, labels = one.positions.values(), (one.topic, one.group)
    yield m.BACKLOG_MESSAGES.sample(one.messages, *labels)
    yield m.MESSAGES_OUT_TOTAL.sample(sum(position.committed for position in positions), *labels)
    yield m.LOST_MESSAGES.sample(sum(position.lost for position in positions), *labels)
    known = ages(one, history, now)
    age = worst(known)
    yield m.BACKLOG_AGE_SECONDS.sample(age.seconds, *labels)
    yield m.BACKLOG_AGE_QUALITY.sample(age.quality, *labels)
    margin = retention_margin(one, known, cluster, history, now)
    if margin is not None:
        yield m.RETENTION_MARGIN_SECONDS.sample(margin, *labels)


def partitions(found: Iterable[Backlog], budget: int) -> tuple[list[Sample], list[Skipped]]:
    """Backlog by partition, whole groups on topics in the order of their names, as far as the budget goes."""
    samples: list[Sample] = []
    skipped = []
    for one in sorted(found):
        if len(samples) + len(one.positions) > budget:
            what = f"{len(one.positions)} partitions of group {one.group} on topic {one.topic}"
            skipped.append(Skipped(what, "over the partition budget"))
            continue
        samples += (
            m.BACKLOG_PARTITION_MESSAGES.sample(position.backlog, one.topic, one.group, str(partition))
            for partition, position in sorted(one.positions.items())
        )
    return samples, skipped


def groups(cluster: Cluster) -> Iterator[Sample]:
    """State and members of every group, and the partitions that none of its members reads."""
    for name, group in cluster.groups.items():
        yield m.GROUP_STATE.sample(group.state_number, name)
        committed = cluster.committed.get(name, {})
        members = cluster.members.get(name)
        if group.is_empty:
            if group.protocol == "consumer":  # else it is a reader without a group protocol, of whom nobody knows
                yield from (m.CONSUMERS.sample(0, topic, name) for topic in committed if topic in cluster.topics)
        elif members is not None:
            for topic in (committed.keys() | members.readers.keys()) & cluster.topics.keys():
                yield m.CONSUMERS.sample(members.readers.get(topic, 0), topic, name)
                if group.state_number == STATES["stable"] and topic in committed:
                    existing = committed[topic].keys() & cluster.topics[topic].partitions.keys()
                    left = existing - members.assigned.get(topic, frozenset())
                    yield m.UNASSIGNED_PARTITIONS.sample(len(left), topic, name)


def shared(cluster: Cluster) -> Iterator[Sample]:
    """Backlog of share groups, as the cluster itself counts it."""
    for group, topics in cluster.shared.items():
        for topic, lags in topics.items():
            if group in cluster.groups and topic in cluster.topics and lags:
                yield m.BACKLOG_MESSAGES.sample(sum(lags.values()), topic, group)


def missing(cluster: Cluster, history: History, declared: Iterable[str], now: float) -> Iterator[Skipped]:
    """Why there is no backlog of a group, or soon will not be."""
    for name, group in cluster.groups.items():
        committed = cluster.committed.get(name)
        if group.kind == "share":
            if not cluster.shared.get(name):
                yield Skipped(f"group {name}", "share group without a start")
        elif committed is not None and not committed:
            yield Skipped(f"group {name}", "never committed")
        elif committed is not None and not committed.keys() & cluster.topics.keys():
            yield Skipped(f"group {name}", "only on topics that are filtered or gone")
        elif committed and group.is_empty and group.protocol == "consumer":
            left = (cluster.expiry_seconds or EXPIRY_SECONDS) - (now - history.empty_since.get(name, now))
            yield Skipped(f"group {name}: its commits expire in at most {_days(left)}", "empty and expiring")
        yield from _uncommitted(cluster, name)
    for topic in declared:
        if topic not in cluster.topics:
            yield Skipped(f"dead-letter topic {topic}", "absent, or Describe denied")


def _uncommitted(cluster: Cluster, group: str) -> Iterator[Skipped]:
    """Partitions with records that a member has and has not committed in: where it begins is its own affair."""
    members = cluster.members.get(group)
    for topic, assigned in (members.assigned if members else {}).items():
        spans = cluster.spans(topic)
        without = {
            p for p in assigned - cluster.committed.get(group, {}).get(topic, {}).keys()
            if p in spans and spans[p][0] < spans[p][1]
        }  # fmt: skip
        if without and group in cluster.committed:
            numbers = ", ".join(map(str, sorted(without)[:10]))
            yield Skipped(f"group {group} on topic {topic}, partitions {numbers}", "never committed")


def _days(seconds: float) -> str:
    hours = max(0.0, seconds) / 3600
    return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.0f} hours"
