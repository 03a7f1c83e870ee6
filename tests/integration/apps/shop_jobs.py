"""Processes of `multiprocessing` that count, some of which are killed; prints what all of them counted."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import sys

from collectors.handlers import FAMILIES, instrument

orders = instrument("orders", group="jobs", service="shop")


@orders
def charge(number: int) -> int:
    if number % 3 == 0:
        raise ValueError(number)
    return number


def work(first: int, dies: bool) -> None:
    for number in range(first, first + 30):
        with contextlib.suppress(ValueError):
            charge(number)
    if dies:
        with orders.event():
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    context = multiprocessing.get_context(sys.argv[1])
    charge(1)
    processes = [context.Process(target=work, args=(30 * index, index % 2 == 0)) for index in range(6)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    with context.Pool(2, maxtasksperchild=10) as pool:
        taken = pool.map(charge, [number for number in range(60) if number % 3])
    assert len(taken) == 40
    print(json.dumps([(s.name, s.labels, s.value) for family in FAMILIES.collect() for s in family.samples]))


if __name__ == "__main__":
    main()
