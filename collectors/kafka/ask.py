"""The requests that a cycle is made of. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kafka.protocol.admin import (
    DescribeConfigsRequest,
    DescribeGroupsRequest,
    DescribeLogDirsRequest,
    ListGroupsRequest,
)
from kafka.protocol.consumer import ListOffsetsRequest, OffsetFetchRequest
from kafka.protocol.metadata import MetadataRequest

from collectors.kafka.protocol import (
    ConsumerGroupDescribeRequest,
    DescribeShareGroupOffsetsRequest,
    ShareGroupDescribeRequest,
)

EARLIEST, LATEST = -2, -1

_TOPIC, _BROKER = 2, 4  # resource types of DescribeConfigs


def topics(*, rights: bool = False) -> Any:
    """All topics; with `rights` also what may be done with them."""
    return MetadataRequest(
        topics=None, allow_auto_topic_creation=False, include_topic_authorized_operations=rights, min_version=4
    )


def groups() -> Any:
    return ListGroupsRequest()


def commits(names: list[str], *, one_by_one: bool = False) -> Any:
    """All commits of the groups; clusters older than 3.0 are asked group by group (KIP-709)."""
    if one_by_one:
        return OffsetFetchRequest(group_id=names[0], topics=None, min_version=2, max_version=7)
    group = OffsetFetchRequest.OffsetFetchRequestGroup
    return OffsetFetchRequest(
        groups=[group(group_id=name, topics=None) for name in names], min_version=8, max_version=8
    )


def offsets(topics: Mapping[str, list[int]], which: int) -> Any:
    topic = ListOffsetsRequest.ListOffsetsTopic
    partition = topic.ListOffsetsPartition
    return ListOffsetsRequest(
        replica_id=-1,
        isolation_level=0,
        topics=[
            topic(name=name, partitions=[partition(partition_index=number, timestamp=which) for number in numbers])
            for name, numbers in topics.items()
        ],
        min_version=1,
        max_version=8,
    )


def shared(names: list[str]) -> Any:
    group = DescribeShareGroupOffsetsRequest.DescribeShareGroupOffsetsRequestGroup
    return DescribeShareGroupOffsetsRequest(groups=[group(group_id=name, topics=None) for name in names])


def retention(topics: list[str]) -> Any:
    resource = DescribeConfigsRequest.DescribeConfigsResource
    keys = ["retention.ms", "retention.bytes", "cleanup.policy"]
    return DescribeConfigsRequest(
        resources=[resource(resource_type=_TOPIC, resource_name=name, configuration_keys=keys) for name in topics]
    )


def expiry(broker: int) -> Any:
    resource = DescribeConfigsRequest.DescribeConfigsResource
    keys = ["offsets.retention.minutes"]
    return DescribeConfigsRequest(
        resources=[resource(resource_type=_BROKER, resource_name=str(broker), configuration_keys=keys)]
    )


def sizes(owned: Mapping[str, list[int]]) -> Any:
    topic = DescribeLogDirsRequest.DescribableLogDirTopic
    return DescribeLogDirsRequest(topics=[topic(topic=name, partitions=numbers) for name, numbers in owned.items()])


def classic_members(names: list[str]) -> Any:
    return DescribeGroupsRequest(groups=names, include_authorized_operations=False)


def consumer_members(names: list[str]) -> Any:
    return ConsumerGroupDescribeRequest(group_ids=names, include_authorized_operations=False)


def share_members(names: list[str]) -> Any:
    return ShareGroupDescribeRequest(group_ids=names, include_authorized_operations=False)
