"""The age of a backlog from (time, log end): interpolated inside the timeline, a lower bound outside, never beyond."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.timeline import INTERPOLATED, LOWER_BOUND, POINTS, Age, Timeline, packed, unpacked


def timeline(*points: tuple[float, int]) -> Timeline:
    """Noted at every point, the cycle before being a second earlier."""
    made = Timeline()
    for time, end in points:
        made.add(time, end, time - 1)
    return made


def test_a_record_between_two_points_is_interpolated() -> None:
    one = timeline((100, 10))
    one.add(110, 20, seen=100)

    assert one.age(14, now=120) == Age(15, INTERPOLATED)


def test_a_record_before_the_first_point_has_a_lower_bound() -> None:
    assert timeline((100, 10)).age(5, now=160) == Age(60, LOWER_BOUND)


def test_at_first_sight_nothing_is_known_and_that_is_no_age_of_zero() -> None:
    assert timeline((100, 10)).age(5, now=100) is None


def test_a_group_at_the_end_has_no_age() -> None:
    assert timeline((100, 10)).age(10, now=160) is None


def test_a_burst_after_a_quiet_hour_is_not_spread_over_the_hour() -> None:
    one = timeline((100, 10))
    one.add(3700, 20, seen=3690)

    age = one.age(10, now=3700)

    assert age is not None
    assert age.seconds <= 10


def test_an_end_that_falls_means_another_log() -> None:
    assert timeline((100, 10), (110, 3)).age(1, now=120) == Age(10, LOWER_BOUND)


def test_a_quiet_partition_keeps_one_point() -> None:
    one = timeline(*((float(time), 10) for time in range(1000)))

    assert len(one.times) == 1


def test_the_rate_is_that_of_the_last_minutes() -> None:
    one = timeline((0, 0), (600, 6000), (1200, 6600))

    assert one.rate(1200, 600) == pytest.approx(1.0, rel=0.01)


points = st.lists(st.tuples(st.floats(0.1, 60), st.integers(0, 1000)), min_size=1, max_size=400)


@given(points, st.integers(0, 500_000))
def test_the_age_never_falls_outside_what_was_seen(steps: list[tuple[float, int]], offset: int) -> None:
    one, now, end, seen = Timeline(), 1000.0, 0, 0.0
    written: list[tuple[float, float, int]] = []
    for gap, count in steps:
        seen, now, end = now, now + gap, end + count
        one.add(now, end, seen)
        written.append((seen, now, end))

    age = one.age(offset, now)

    assert len(one.times) <= POINTS
    if offset >= end:
        assert age is None
        return
    if age is None:
        assert one.times[0] == now  # seen for the first time, and for the first time just now
        return
    earliest, latest = next((a, b) for a, b, after in written if after > offset)
    if age.quality == LOWER_BOUND:
        assert now - age.seconds >= earliest
    elif len(steps) * 2 < POINTS:  # before points are thinned out the bracket is that of the cycle
        assert earliest - 1e-6 <= now - age.seconds <= latest + 1e-6


@given(st.dictionaries(st.integers(0, 99), points, max_size=5))
def test_what_is_packed_comes_back(partitions: dict[int, list[tuple[float, int]]]) -> None:
    made = {}
    for partition, steps in partitions.items():
        one, now, end = Timeline(), 1.0, 0
        for gap, count in steps:
            now, end = now + gap, end + count
            one.add(now, end, now - gap)
        made[partition] = one

    back = unpacked(packed(made))

    assert {p: (one.times, one.ends) for p, one in back.items()} == {
        p: (one.times, one.ends) for p, one in made.items()
    }


@pytest.mark.parametrize("blob", [b"", b"nonsense", packed({0: timeline((1, 1))})[:-3]])
def test_a_blob_that_is_broken_is_refused(blob: bytes) -> None:
    with pytest.raises(ValueError, match="not a timeline"):
        unpacked(blob)
