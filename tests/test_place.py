"""What the address of a page names."""

from __future__ import annotations

import pytest

from monitor.console.place import Place, PlaceError, opened, parsed, written

MARCH = 1_772_323_200.0  # 2026-03-01T00:00:00Z


def test_an_address_without_parameters_is_the_list_of_all_up_to_now() -> None:
    assert parsed({}) == Place()
    assert not parsed({}).is_one


def test_labels_name_the_one_thing() -> None:
    place = parsed({"target": "kafka", "destination": "orders", "group": "shipping"})

    assert place.is_one
    assert place.only(("destination", "group")) == {"destination": "orders", "group": "shipping"}


def test_a_place_survives_its_address() -> None:
    place = Place((("target", "kafka"), ("destination", "größe & co?#")), MARCH, "6h", "1d")

    assert parsed(written(place)) == place


def test_a_moment_is_read_with_any_zone() -> None:
    assert parsed({"at": "2026-03-01T00:00:00Z"}).at == MARCH
    assert parsed({"at": "2026-03-01T01:00:00+01:00"}).at == MARCH


def test_a_moment_is_read_as_grafana_writes_it() -> None:
    assert parsed({"at": "2026-03-01T00:00:00.254Z"}).at == MARCH + 0.254


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"range": "5y"}, "range=5y: expected one of 15m, 1h, 6h, 1d, 7d"),
        ({"before": "2h"}, "before=2h: expected one of 1h, 1d, 7d"),
        ({"at": "yesterday"}, "at=yesterday: expected a time such as 2026-01-02T03:04:05Z"),
        ({"at": "2026-13-01T00:00:00Z"}, "at=2026-13-01T00:00:00Z: expected a time"),
    ],
)
def test_what_cannot_be_understood_is_named(parameters: dict[str, str], message: str) -> None:
    with pytest.raises(PlaceError, match="=") as caught:
        parsed(parameters)

    assert message in str(caught.value)


def test_parameters_of_others_are_left_alone() -> None:
    assert parsed({"embed": "true"}) == Place()


def test_a_moment_stands_in_the_last_quarter_of_its_charts() -> None:
    assert Place(at=MARCH, span="1h").window(MARCH + 86400) == (MARCH - 2700, MARCH + 900)


def test_charts_end_now_where_the_moment_is_of_late() -> None:
    assert Place(at=MARCH, span="1h").window(MARCH + 60) == (MARCH - 3540, MARCH + 60)


def test_opening_a_thing_keeps_the_time() -> None:
    place = opened(Place(at=MARCH, span="6h"), {"target": "kafka", "destination": "orders", "source": ""})

    assert place == Place((("target", "kafka"), ("destination", "orders")), MARCH, "6h")
