"""When dead-letter counters began: what was born while the agent looked, and what was not."""

from __future__ import annotations

from collectors import metrics as m
from collectors.base import Reading, Sample, Scrape
from monitor.births import MEMORY_KEY, Births


def scraped(at: float, *totals: Sample, error: str | None = None) -> Scrape:
    return Scrape("t", "kafka", at, 0.1, Reading(samples=list(totals)), error)


def total(count: float, source: str = "orders", destination: str = "orders.DLT") -> Sample:
    return m.DEAD_LETTERED_MESSAGES_TOTAL.sample(count, destination, source, "")


def born(births: Births, scrape: Scrape) -> list[float]:
    return [sample.value for sample in births.add_to(scrape)]


def test_what_is_there_at_the_first_reading_was_not_born() -> None:
    assert born(Births(None), scraped(100, total(5))) == []


def test_what_comes_later_was_born_then_and_stays_so() -> None:
    births = Births(None)
    births.add_to(scraped(100))

    assert born(births, scraped(115, total(1))) == [115]
    assert born(births, scraped(130, total(2))) == [115]


def test_a_count_that_fell_began_anew() -> None:
    births = Births(None)
    births.add_to(scraped(100, total(5)))

    assert born(births, scraped(115, total(1))) == [115]


def test_another_source_of_the_same_store_is_no_birth() -> None:
    births = Births(None)
    births.add_to(scraped(100, total(5)))

    assert born(births, scraped(115, total(5, source=""))) == []


def test_sources_of_one_store_that_count_side_by_side_are_no_births() -> None:
    births = Births(None)
    births.add_to(scraped(100, total(5), total(3, source="returns")))

    assert born(births, scraped(115, total(6), total(4, source="returns"))) == []
    assert born(births, scraped(130, total(4, source="returns"))) == []


def test_what_an_older_agent_remembers_is_no_birth() -> None:
    births = Births(b'{"[\\"orders.DLT\\", \\"\\"]": [null, 5]}')

    assert born(births, scraped(115, total(6))) == []


def test_a_failed_scrape_says_nothing() -> None:
    births = Births(None)
    assert born(births, scraped(100, error="gone")) == []

    assert born(births, scraped(115, total(5))) == []


def test_a_restart_of_the_agent_is_no_birth() -> None:
    first = scraped(100, total(5))
    Births(None).add_to(first)

    assert born(Births(first.reading.memory[MEMORY_KEY]), scraped(200, total(6))) == []
