"""What goes in and out of each destination, and who gets it."""

from __future__ import annotations

import time
from pathlib import Path

from paging import fill

from collectors import metrics as m
from collectors.base import Reading
from monitor.console.flows import load_destinations
from monitor.store.reader import Reader


def test_a_group_of_which_nobody_tells_what_waits_is_a_group_all_the_same(tmp_path: Path) -> None:
    """Topics of a cloud tell what was delivered and not what waits."""
    taken = [m.MESSAGES_IN_TOTAL.sample(9, "orders"), m.MESSAGES_OUT_TOTAL.sample(7, "orders", "billing")]
    fill(tmp_path / "s.db", (15, Reading(taken)), (5, Reading(taken)))

    (found,) = load_destinations(Reader(tmp_path / "s.db"), time.time())

    assert (found.groups, found.backlog) == (("billing",), None)
