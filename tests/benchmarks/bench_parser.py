"""A page of 100,000 lines, read by our parser and by prometheus-client's, in one run; new, and seen before."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families

from collectors.exposition import Parser

HANDLERS, BOUNDS = 2_500, 38


def page(scrape: int) -> str:
    """Histograms as client libraries write them."""
    lines = ["# HELP eda_handler_duration_seconds How long it took.", "# TYPE eda_handler_duration_seconds histogram"]
    for handler in range(HANDLERS):
        labels = f'service="billing",handler="billing.charge_{handler}",destination="orders",group="g",outcome="ok"'
        for bound in range(BOUNDS):
            lines.append(f'eda_handler_duration_seconds_bucket{{{labels},le="{bound}.5"}} {scrape * bound}.0')
        lines.append(f"eda_handler_duration_seconds_count{{{labels}}} {scrape * BOUNDS}.0")
        lines.append(f"eda_handler_duration_seconds_sum{{{labels}}} {scrape * 1.25}")
    return "\n".join(lines) + "\n"


def seconds(call: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return sorted(taken)[times // 2]


def main() -> None:
    first = page(1)
    theirs = seconds(lambda: list(text_string_to_metric_families(first)), 3)
    cold = seconds(lambda: sum(value for _, value in Parser().read(first)), 3)
    parser, pages = Parser(), iter([page(scrape) for scrape in range(2, 9)])
    parser.read(first)
    warm = seconds(lambda: sum(value for _, value in parser.read(next(pages))), 7)

    print(f"a page of {first.count(chr(10)):,} lines")
    print(f"  prometheus-client         {theirs * 1e3:8.1f} ms")
    print(f"  ours, never seen before   {cold * 1e3:8.1f} ms   {theirs / cold:6.1f} × faster")
    print(f"  ours, seen before         {warm * 1e3:8.1f} ms   {theirs / warm:6.1f} × faster")


if __name__ == "__main__":
    main()
