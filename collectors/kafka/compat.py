"""The names of danielqsj/kafka_exporter, so that dashboards and rules made for it go on working. Pure.

Names, labels and meaning: its `setup()` and README at v1.9. Unlike there, a partition without a commit is absent, not
-1, and counts in no sum; `target` and `system` are added as its own `--kafka.labels` would be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from collectors.base import Metric, Sample
from collectors.kafka.backlog import Backlog
from collectors.kafka.cluster import Cluster


def _gauge(name: str, help: str, *labels: str) -> Metric:
    return Metric(name, "gauge", "", help, labels, foreign=True)


BROKERS = _gauge("kafka_brokers", "Brokers of the cluster.")
BROKER_INFO = _gauge("kafka_broker_info", "1 for each broker.", "id", "address")
PARTITIONS = _gauge("kafka_topic_partitions", "Partitions of the topic.", "topic")
_PARTITION = ("topic", "partition")
CURRENT = _gauge("kafka_topic_partition_current_offset", "Log end of the partition.", *_PARTITION)
OLDEST = _gauge("kafka_topic_partition_oldest_offset", "Log start of the partition.", *_PARTITION)
LEADER = _gauge("kafka_topic_partition_leader", "Id of the broker that leads the partition.", *_PARTITION)
REPLICAS = _gauge("kafka_topic_partition_replicas", "Replicas of the partition.", *_PARTITION)
IN_SYNC = _gauge("kafka_topic_partition_in_sync_replica", "Replicas of the partition in sync.", *_PARTITION)
PREFERRED = _gauge("kafka_topic_partition_leader_is_preferred", "1 when the first replica leads.", *_PARTITION)
UNDER = _gauge("kafka_topic_partition_under_replicated_partition", "1 when a replica is not in sync.", *_PARTITION)
_GROUP = ("consumergroup", "topic")
OFFSET = _gauge("kafka_consumergroup_current_offset", "Committed offset.", *_GROUP, "partition")
OFFSET_SUM = _gauge("kafka_consumergroup_current_offset_sum", "Committed offsets of all partitions.", *_GROUP)
LAG = _gauge("kafka_consumergroup_lag", "Backlog of the group on the partition.", *_GROUP, "partition")
LAG_SUM = _gauge("kafka_consumergroup_lag_sum", "Backlog of the group on all partitions.", *_GROUP)
MEMBERS = _gauge("kafka_consumergroup_members", "Members of the group.", "consumergroup")

METRICS = tuple(one for one in list(globals().values()) if isinstance(one, Metric))


def samples(cluster: Cluster, brokers: Mapping[int, str], found: Iterable[Backlog]) -> Iterator[Sample]:
    yield BROKERS.sample(len(brokers))
    yield from (BROKER_INFO.sample(1, str(number), address) for number, address in brokers.items())
    for topic in cluster.topics:
        yield from _topic(cluster, topic)
    for one in found:
        yield from _group(one)
    for name, group in cluster.groups.items():
        if group.is_empty or name in cluster.members:
            yield MEMBERS.sample(0 if group.is_empty else cluster.members[name].total, name)


def _topic(cluster: Cluster, topic: str) -> Iterator[Sample]:
    yield PARTITIONS.sample(len(cluster.topics[topic].partitions), topic)
    starts, ends = cluster.starts.get(topic, {}), cluster.ends.get(topic, {})
    for number, partition in cluster.topics[topic].partitions.items():
        labels = (topic, str(number))
        if number in ends:
            yield CURRENT.sample(ends[number], *labels)
        if number in starts:
            yield OLDEST.sample(starts[number], *labels)
        yield LEADER.sample(partition.leader, *labels)
        yield REPLICAS.sample(len(partition.replicas), *labels)
        yield IN_SYNC.sample(len(partition.in_sync), *labels)
        yield PREFERRED.sample(partition.replicas[:1] == (partition.leader,), *labels)
        yield UNDER.sample(len(partition.in_sync) < len(partition.replicas), *labels)


def _group(one: Backlog) -> Iterator[Sample]:
    for number, position in one.positions.items():
        yield OFFSET.sample(position.committed, one.group, one.topic, str(number))
        yield LAG.sample(position.backlog, one.group, one.topic, str(number))
    yield OFFSET_SUM.sample(sum(position.committed for position in one.positions.values()), one.group, one.topic)
    yield LAG_SUM.sample(one.messages, one.group, one.topic)
