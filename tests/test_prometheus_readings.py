"""From what was scraped to what was read: times, copies, and what a scraper's labels may not change."""

from __future__ import annotations

from collectors import metrics as m
from monitor.console.prometheus.api import Answer, Points
from monitor.console.prometheus.readings import Readings, together

LONG = (0.0, 1000.0)


def read_at(*points: tuple[float, float], target: str = "orders", **labels: str) -> Answer:
    """Scraped when, and read when."""
    name = m.COLLECTOR_LAST_SUCCESS.exposed_name
    return Answer({"__name__": name, "target": target, "system": "kafka", **labels}, list(points))


def waiting(points: Points, target: str = "orders", **labels: str) -> Answer:
    own = {"target": target, "system": "kafka", "destination": "d", "group": "g"}
    return Answer({"__name__": "eda_backlog_messages", **own, **labels}, points)


def series(readings: Readings, *answers: Answer) -> list[Points]:
    found = together(m.BACKLOG_MESSAGES, ((one.labels, readings.read(one.labels, one.points)) for one in answers))
    return [points for _, points in found]


def test_a_sample_gets_the_time_of_its_reading() -> None:
    readings = Readings([read_at((10, 9), (25, 24))], *LONG)

    assert series(readings, waiting([(10, 1), (25, 2)])) == [[(9, 1), (24, 2)]]


def test_what_is_scraped_twice_counts_once() -> None:
    readings = Readings([read_at((10, 9), (15, 9), (20, 19))], *LONG)

    assert series(readings, waiting([(10, 1), (15, 1), (20, 2)])) == [[(9, 1), (19, 2)]]


def test_a_reading_of_before_the_window_is_none_of_it() -> None:
    readings = Readings([read_at((10, 9), (20, 19), (30, 29))], 9, 19)

    assert series(readings, waiting([(10, 1), (20, 2), (30, 3)])) == [[(19, 2)]]


def test_two_scrapers_of_one_agent_tell_one_series() -> None:
    readings = Readings([read_at((10, 9), (20, 19), replica=one) for one in "ab"], *LONG)

    found = series(readings, *(waiting([(10, 1), (20, 2)], replica=one) for one in "ab"))

    assert found == [[(9, 1), (19, 2)]]


def test_an_agent_that_moved_goes_on() -> None:
    readings = Readings([read_at((10, 9), instance="old"), read_at((30, 29), instance="new")], *LONG)

    found = series(readings, waiting([(10, 1)], instance="old"), waiting([(30, 3)], instance="new"))

    assert found == [[(9, 1), (29, 3)]]


def test_of_two_agents_with_a_target_of_the_same_name_the_one_that_is_read_still_is_believed() -> None:
    """What the other one says is not mixed into it."""
    readings = Readings(
        [read_at((10, 9), (20, 19), (30, 29), instance="a"), read_at((12, 11), (22, 21), instance="b")], *LONG
    )

    found = series(
        readings, waiting([(10, 1), (20, 2), (30, 3)], instance="a"), waiting([(12, 700), (22, 800)], instance="b")
    )

    assert found == [[(9, 1), (19, 2), (29, 3)]]


def test_labels_of_the_scraper_do_not_part_a_series_from_its_readings() -> None:
    """Also where one has the name of a label of the vocabulary."""
    readings = Readings([read_at((10, 9), job="eda", service="monitoring")], *LONG)

    ((labels, points),) = together(
        m.BACKLOG_MESSAGES,
        [(one.labels, readings.read(one.labels, one.points)) for one in [waiting([(10, 1)], job="eda", service="x")]],
    )

    assert (labels, points) == ({"target": "orders", "system": "kafka", "destination": "d", "group": "g"}, [(9, 1)])


def test_an_empty_label_is_there_again() -> None:
    readings = Readings([read_at((10, 9))], *LONG)
    answer = waiting([(10, 1)])
    del answer.labels["group"]

    ((labels, _),) = together(m.BACKLOG_MESSAGES, [(answer.labels, readings.read(answer.labels, answer.points))])

    assert labels["group"] == ""


def test_agents_themselves_are_read_by_nobody_and_stay_apart() -> None:
    stores = [
        Answer({"target": "eda-monitor", "system": "eda-monitor", "instance": one}, [(10, size)])
        for one, size in (("a", 100.0), ("b", 200.0))
    ]
    readings = Readings([], *LONG)

    found = together(m.STORE_BYTES, ((one.labels, readings.read(one.labels, one.points)) for one in stores))

    assert [points for _, points in found] == [[(10, 100)], [(10, 200)]]


def test_the_last_readings_of_targets_and_when_they_were_scraped_first() -> None:
    readings = Readings([read_at((10, 9), (40, 39)), read_at((20, 18), (30, 18), target="slow")], *LONG)

    assert readings.last(1000) == {"orders": 39, "slow": 18}
    assert readings.last(10) == {"orders": 9}
    assert readings.scraped(readings.last(1000)) == [20, 40]
