"""What names and contents of dead-letter blobs say, in all documented forms and broken ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.eventgrid.deadletters import NOT_READ, UNKNOWN, UNREADABLE, contents, hour_of, place_of, reason_of
from monitor.demo.traffic.blobs import cloud_event, grid_event

AT = datetime(2026, 1, 2, 3, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("stream", ["BILLING", "TOPIC/BILLING", "shop/orders/fulfilment", "2026/1"])
def test_a_name_is_read_from_its_end(stream: str) -> None:
    assert place_of(f"{stream}/2026/1/2/3/x.json") == (stream, f"{stream}/2026/1/2/3/", AT)


@pytest.mark.parametrize(
    "name",
    ["x.json", "2026/1/2/3/x.json", "S/2026/13/2/3/x.json", "S/2026/1/2/24/x.json", "S/2026/1/2/3/", "S/26/1/2/3/x"],
)
def test_other_names_are_of_no_dead_letters(name: str) -> None:
    assert place_of(name) is None


def test_hours_are_not_padded() -> None:
    assert hour_of("S", AT + 59) == "S/2026/1/2/3/"


CLOUD = {"deadletterreason": "TimeToLiveExceeded", "lastdeliveryoutcome": "Busy"}


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (grid_event(1, AT), "MaxDeliveryAttemptsExceeded: NotFound"),
        ({"specversion": "1.0", **CLOUD}, "TimeToLiveExceeded: Busy"),
        (cloud_event(1, AT), "TimeToLiveExceeded: TimedOut"),
        (cloud_event(1, AT, wrapped=False), "TimeToLiveExceeded: TimedOut"),
        ({"event": {"id": "1"}, "brokerProperties": CLOUD}, "TimeToLiveExceeded: Busy"),
        ({"event": {"id": "1", **CLOUD}}, "TimeToLiveExceeded: Busy"),
        ({"deadLetterReason": "Probation"}, "Probation"),
        ({"deadLetterReason": 7, "id": "1"}, UNKNOWN),
        ("text", UNREADABLE),
    ],
)
def test_the_reason_and_the_last_outcome_are_told_in_every_schema(event: object, reason: str) -> None:
    assert reason_of(event) == reason


def held(text: str, size: int | None = None) -> tuple[dict[str, int], str, bool]:
    data = text.encode()
    found = contents(data, len(data) if size is None else size)
    return dict(found.reasons), found.flaw, found.whole


ONE = json.dumps({"deadLetterReason": "A"})


@pytest.mark.parametrize(
    ("text", "reasons", "flaw"),
    [
        (ONE, {"A": 1}, ""),
        (f"[{ONE}, {ONE}]", {"A": 2}, ""),
        (f"\ufeff[{ONE}]\r\n", {"A": 1}, ""),
        (f"{ONE}\n{ONE}", {"A": 2}, ""),
        ("", {UNREADABLE: 1}, "it is empty"),
        ("[]", {UNREADABLE: 1}, "it holds no event"),
        ("<xml/>", {UNREADABLE: 1}, "it is not JSON"),
        (f"[{ONE}, {{]", {"A": 1}, "it ends in the middle"),
        (f"[{ONE}, x y and so on and on]", {"A": 1}, "it is not JSON"),
        ("[" * 100_000, {UNREADABLE: 1}, "it is not JSON"),
        (f"[{'9' * 10_000}]", {UNREADABLE: 1}, "it is not JSON"),
    ],
)
def test_whatever_a_blob_holds_it_is_at_least_one_event(text: str, reasons: dict[str, int], flaw: str) -> None:
    assert held(text) == (reasons, flaw, True)


@given(st.lists(st.dictionaries(st.text(), st.integers() | st.text() | st.none()), min_size=1, max_size=5), st.data())
def test_of_the_beginning_of_a_blob_whole_events_are_counted(
    events: list[dict[str, object]], data: st.DataObject
) -> None:
    text = json.dumps(events, ensure_ascii=False).encode()
    cut = data.draw(st.integers(1, len(text) - 1))

    found = contents(text[:cut], len(text))

    whole = sum(len(json.dumps(events[:n], ensure_ascii=False).encode()) - 1 <= cut for n in range(1, len(events) + 1))
    assert not found.whole
    assert found.events == max(1, whole)
    assert whole or found.reasons == {NOT_READ: 1}


@given(st.binary(max_size=200))
def test_no_bytes_are_too_odd(data: bytes) -> None:
    assert contents(data, len(data)).events >= 1
