"""How often a password may be tried."""

from __future__ import annotations

from monitor.console.throttle import FREE, KEPT, LONGEST_SECONDS, Throttle

EVA, PEER = "name eva", "peer 10.0.0.7"


def after(failures: int) -> Throttle:
    throttle = Throttle()
    for _ in range(failures):
        throttle.failed((EVA, PEER), 0.0)
    return throttle


def test_people_may_mistype() -> None:
    assert after(FREE - 1).wait((EVA, PEER), 0.0) == 0


def test_the_wait_doubles_up_to_a_bound() -> None:
    waits = [after(count).wait((EVA,), 0.0) for count in range(FREE, FREE + 7)]

    assert waits == [1, 2, 4, 8, 16, LONGEST_SECONDS, LONGEST_SECONDS]


def test_the_wait_passes() -> None:
    assert after(FREE + 2).wait((EVA,), 3.0) == 1
    assert after(FREE + 2).wait((EVA,), 5.0) == 0


def test_another_peer_waits_for_the_same_name_and_another_name_for_the_same_peer() -> None:
    throttle = after(FREE)

    assert throttle.wait((EVA, "peer 10.0.0.8"), 0.0) > 0
    assert throttle.wait(("name tom", PEER), 0.0) > 0
    assert throttle.wait(("name tom", "peer 10.0.0.8"), 0.0) == 0


def test_who_succeeds_begins_anew() -> None:
    throttle = after(FREE)
    throttle.succeeded((EVA, PEER))

    assert throttle.wait((EVA, PEER), 0.0) == 0


def test_what_is_remembered_is_bounded() -> None:
    throttle = Throttle()
    for number in range(KEPT + 10):
        throttle.failed((f"name {number}",), 0.0)

    assert len(throttle._failures) == KEPT
