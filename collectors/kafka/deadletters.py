"""Dead-letter and retry topics, known by the names that frameworks give them. Pure.

Sources of the conventions: Spring Kafka (`.DLT` to 3.2, `-dlt` from 3.3, `-retry-N`), Spring Cloud Stream
(`error.<topic>.<group>`), SmallRye (`dead-letter-topic-<channel>`), Kafka 4.4 share groups (`dlq.`), and common habit.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

_SUFFIX = re.compile(
    r"(?P<source>.+?)(?:[._-](?:dlt|dlq)|[._-]dead[._-]?letters?(?:[._-](?:topic|queue))?|[._-]parking[._-]?lot)", re.I
)
_PREFIX = re.compile(r"(?:dlq[._-]|dead-letter-topic-)(?P<source>.+)", re.I)
_STREAM_ERROR = re.compile(r"error\.(?P<source>.+)\.[^.]+")
_RETRY = re.compile(r"(?P<source>.+?)[._-]retry(?:[._-]\d+)*", re.I)


def source_of_dead_letters(topic: str, topics: Collection[str], declared: Mapping[str, str]) -> str | None:
    """The topic whose dead letters these are, "" where it is not known; None for a topic of another kind."""
    if topic in declared:
        return declared[topic]
    for pattern in (_SUFFIX, _PREFIX, _STREAM_ERROR):
        match = pattern.fullmatch(topic)
        if match is not None:
            return _known(match["source"], topics)
    return None


def source_of_retries(topic: str, topics: Collection[str]) -> str | None:
    """The topic whose events are retried in this one; None for a topic that is not for retries."""
    match = _RETRY.fullmatch(topic)
    return match["source"] if match is not None and match["source"] in topics else None


def _known(source: str, topics: Collection[str]) -> str:
    if source in topics:
        return source
    retried = _RETRY.fullmatch(source)
    return retried["source"] if retried is not None and retried["source"] in topics else ""
