"""Bucket counts as blobs: they come back as they were, and are small."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.store.counts import MOST, pack, unpacked


@given(st.lists(st.sampled_from([0, 0, 0, 1, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, MOST]), min_size=1))
def test_counts_come_back_as_they_were(counts: list[int]) -> None:
    assert unpacked(pack(counts), len(counts)) == tuple(counts)


@pytest.mark.parametrize(
    ("counts", "size"), [((0, 0, 0), 0), ((0, 9, 0), 4), ((0, 255, 1, 0), 5), ((256, 0, 1), 9), ((0, 2**32, 0), 11)]
)
def test_only_the_run_that_is_in_use_takes_room(counts: tuple[int, ...], size: int) -> None:
    assert len(pack(counts)) == size


def test_a_count_that_nothing_reaches_is_held_at_the_most_that_can_be_told() -> None:
    assert unpacked(pack((0, MOST + 5)), 2) == (0, MOST)
