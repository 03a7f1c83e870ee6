"""Processes count together in a directory: nothing is lost and nothing is counted twice, whoever dies when."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from unittest.mock import patch

import pytest
from handled import folder, outcomes, reasons, recorder, value  # noqa: F401
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.handlers import instrument
from collectors.handlers.recorder import layout
from collectors.handlers.recorder.directory import Directory, LiveFile, Totals
from collectors.handlers.recorder.ledger import PAGE, Ledger, records
from collectors.handlers.recorder.process import REASONS

ROOT = Path(__file__).parent.parent


class Process:
    """Counts in a directory as a process does, until it dies."""

    def __init__(self, directory: Path, started: float = 100.0) -> None:
        self.file = LiveFile(directory)
        self.ledger = Ledger(started, self.file.new_page)
        self.slots: dict[bytes, memoryview[float]] = {}

    def add(self, key: bytes, amount: float) -> None:
        if key not in self.slots:
            self.slots[key] = self.ledger.record(key, 1)
        self.slots[key][0] += amount

    def die(self) -> None:
        self.file.close()


def read(directory: Path) -> dict[bytes, float]:
    totals = Totals()
    Directory(directory).read(totals)
    return {key: numbers[0] for key, numbers in totals.records.items()}


def live(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.live"))


def test_records_stand_under_their_keys() -> None:
    ledger = Ledger(5.0)
    ledger.record(b"a", 2)[1] = 0.5
    ledger.record(b"key of an odd length", 1)[0] = 2.0
    assert list(ledger.read()) == [(b"a", [0.0, 0.5]), (b"key of an odd length", [2.0])]


def test_a_record_that_fits_into_no_page_is_refused() -> None:
    with pytest.raises(ValueError, match="fits into no page"):
        Ledger(0.0).record(b"k" * PAGE, 1)


@given(st.dictionaries(st.binary(min_size=1, max_size=300), st.integers(0, 400), max_size=60))
def test_records_of_any_size_fill_page_after_page(wanted: dict[bytes, int]) -> None:
    ledger = Ledger(0.0)
    for key, slots in wanted.items():
        ledger.record(key, slots)
    assert {key: len(numbers) for key, numbers in ledger.read()} == wanted


@given(st.integers(0, 2000), st.integers(0, 255))
def test_a_torn_page_is_read_without_fail(at: int, byte: int) -> None:
    ledger = Ledger(0.0)
    for number in range(20):
        ledger.record(b"key %d" % number, 4)
    ledger.pages[0][at] = byte
    assert len(list(records(ledger.pages[0]))) <= 1 << 13


def test_an_interrupted_record_is_not_overwritten_by_the_one_that_interrupts(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(0.0)
    ledger.record(b"first", 1)
    from collectors.handlers.recorder import ledger as module

    checksum = module.zlib.crc32

    def interrupting(key: bytes) -> int:
        monkeypatch.undo()
        ledger.record(b"signal", 1)[0] = 2.0
        return checksum(key)

    monkeypatch.setattr(module.zlib, "crc32", interrupting)
    ledger.record(b"main", 1)[0] = 1.0
    assert dict(ledger.read()) == {b"first": [0.0], b"main": [1.0], b"signal": [2.0]}


def test_the_living_and_the_dead_are_summed(tmp_path: Path) -> None:
    one, other = Process(tmp_path), Process(tmp_path)
    one.add(b"k", 2)
    other.add(b"k", 3)
    other.add(b"l", 1)
    assert read(tmp_path) == {b"k": 5, b"l": 1}
    other.die()
    assert read(tmp_path) == {b"k": 5, b"l": 1}
    one.add(b"k", 1)
    assert read(tmp_path) == {b"k": 6, b"l": 1}


def test_files_of_the_dead_are_folded_into_one(tmp_path: Path) -> None:
    for _ in range(5):
        process = Process(tmp_path)
        process.add(b"k", 1)
        process.die()
    alive = Process(tmp_path)
    assert read(tmp_path) == {b"k": 5}
    assert live(tmp_path) == [tmp_path / alive.file.name]
    assert read(tmp_path) == {b"k": 5}


def test_counting_began_when_the_first_of_them_began(tmp_path: Path) -> None:
    for started in (300.0, 200.0, 400.0):
        Process(tmp_path, started).die() if started == 200.0 else None
        process = Process(tmp_path, started)
        process.add(b"k", 1)
        process.die()
    for _ in range(2):
        totals = Totals()
        Directory(tmp_path).read(totals)
        assert totals.started == 200.0


def test_a_file_without_a_record_is_nothing(tmp_path: Path) -> None:
    Process(tmp_path).die()
    (tmp_path / "eda-handlers1-cut.live").write_bytes(b"EDArec")
    (tmp_path / "eda-handlers1-strange.live").write_bytes(b"?" * PAGE)
    (tmp_path / "gauge_livesum_1.db").write_bytes(b"of prometheus-client")
    assert read(tmp_path) == {}
    assert live(tmp_path) == []
    assert (tmp_path / "gauge_livesum_1.db").exists()


def test_leftovers_of_a_birth_are_removed_after_a_while(tmp_path: Path) -> None:
    fresh, old = tmp_path / "eda-handlers1-a.new", tmp_path / "eda-handlers1-b.new"
    fresh.touch()
    old.touch()
    os.utime(old, (0, 0))
    Directory(tmp_path).fold()
    assert fresh.exists()
    assert not old.exists()


class Killed(BaseException):
    """Stands for a kill -9: nothing after it happens."""


@contextmanager
def killed_at(step: int) -> Iterator[None]:
    """The process dies before its n-th change of the directory."""
    left = step

    def deadly(real: Callable[..., object]) -> Callable[..., object]:
        def act(*args: object, **kwargs: object) -> object:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return real(*args, **kwargs)

        return act

    with ExitStack() as stack:
        for name in ("replace", "unlink", "open"):
            stack.enter_context(patch.object(Path, name, deadly(getattr(Path, name))))
        stack.enter_context(suppress(Killed))
        yield


@pytest.mark.parametrize("step", range(16))
def test_a_folding_process_may_be_killed_at_every_step(step: int, tmp_path: Path) -> None:
    folded, alive = Process(tmp_path), Process(tmp_path)
    folded.add(b"k", 1)
    folded.die()
    Directory(tmp_path).fold()
    for _ in range(3):
        process = Process(tmp_path)
        process.add(b"k", 1)
        process.die()
    with killed_at(step):
        Directory(tmp_path).fold()
    assert read(tmp_path) == {b"k": 4}
    alive.add(b"k", 1)
    assert read(tmp_path) == {b"k": 5}
    assert len(live(tmp_path)) == 1


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("count"), st.integers(0, 5)),
        st.tuples(st.just("die"), st.integers(0, 5)),
        st.tuples(st.just("fold and be killed"), st.integers(3, 12)),
        st.tuples(st.just("read"), st.just(0)),
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=150)
@given(STEPS)
def test_nothing_is_lost_or_doubled_whenever_a_folding_process_is_killed(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    directory = tmp_path_factory.mktemp("handlers")
    processes: dict[int, Process] = {}
    expected: dict[bytes, float] = {}
    for step, number in steps:
        if step == "count":
            process = processes.get(number) or processes.setdefault(number, Process(directory))
            key = b"k%d" % (number % 2)
            process.add(key, 1)
            expected[key] = expected.get(key, 0) + 1
        elif step == "die" and number in processes:
            processes.pop(number).die()
        elif step == "read":
            assert read(directory) == expected
        elif step == "fold and be killed":
            with killed_at(number):
                Directory(directory).fold()
    assert read(directory) == expected
    for process in processes.values():
        process.die()
    assert read(directory) == expected
    assert len(live(directory)) == 0


def test_readers_at_once_all_see_all_of_it(tmp_path: Path) -> None:
    """Processes die and files are folded all the while."""
    stop, wrong = threading.Event(), []
    total = 40
    done = 0

    def look() -> None:
        while not stop.is_set():
            before = done
            found = read(tmp_path).get(b"k", 0)
            if not before <= found <= total:
                wrong.append((before, found))

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(total):
        process = Process(tmp_path)
        process.add(b"k", 1)
        done = number + 1
        process.die()
    stop.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert read(tmp_path) == {b"k": total}


def run(code: str, **environment: str) -> str:
    """What a Python process prints; it need not end well."""
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return told.stdout + told.stderr


COUNT_AND_DIE = """
import os, signal
from collectors.handlers import instrument
orders = instrument("orders", handler="h", service="shop")
for number in range(10):
    with orders.event() as event:
        if number % 2: event.failed("odd")
with orders.event():
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_counted_stays_and_nothing_of_it_is_in_progress(folder: Path) -> None:  # noqa: F811
    for _ in range(3):
        run(COUNT_AND_DIE)
    for _ in range(2):
        assert outcomes() == {"ok": 15, "failed": 15}
        assert reasons() == {"odd": 15}
        assert value("handler_in_progress") == 0
        assert value("handler_in_progress_since_timestamp_seconds") is None
        assert value("handler_last_success_timestamp_seconds") is not None
    assert live(folder) == []


FORK = """
import os
from collectors.handlers import instrument, FAMILIES
orders = instrument("orders", handler="h", service="shop")
def told():
    return [int(s.value) for f in FAMILIES.collect() for s in f.samples
            if s.name in ("eda_handler_events_total", "eda_handler_in_progress") and s.value] or [0]
with orders.event():
    pass
with orders.event():
    child = os.fork()
    if child == 0:
        print("child", told(), flush=True)
        with orders.event():
            pass
    else:
        os.waitpid(child, 0)
print("parent" if child else "child", told(), flush=True)
if child == 0:
    os._exit(0)
"""


def test_a_forked_child_begins_at_zero_and_what_began_before_is_its_parents(folder: Path) -> None:  # noqa: F811
    assert run(FORK).splitlines() == ["child [1, 1]", "child [2, 1]", "parent [3]"]


def test_a_forked_child_without_a_directory_counts_for_itself() -> None:
    assert run(FORK).splitlines() == ["child [0]", "child [1]", "parent [2]"]


FORK_AMID_THREADS = """
import os, threading, warnings
warnings.simplefilter("ignore")
from collectors.handlers import instrument
orders = instrument("orders", handler="h", service="shop")
def work(times):
    for _ in range(times):
        with orders.event() as event:
            event.failed("as told")
threads = [threading.Thread(target=work, args=(3000,)) for _ in range(3)]
for thread in threads: thread.start()
children = []
for _ in range(10):
    child = os.fork()
    if child == 0:
        work(100)
        os._exit(0)
    children.append(child)
for child in children: os.waitpid(child, 0)
for thread in threads: thread.join()
"""


def test_forks_amid_counting_threads_hang_nothing_and_lose_nothing(folder: Path) -> None:  # noqa: F811
    assert run(FORK_AMID_THREADS) == ""
    assert outcomes() == {"failed": 10_000}
    assert reasons() == {"as told": 10_000}
    assert value("handler_in_progress") == 0


FORK_AND_LEAVE = """
import os, time
from collectors.handlers import instrument
orders = instrument("orders", handler="h", service="shop")
with orders.event():
    pass
if os.fork() == 0:
    os.close(1); os.close(2)
    time.sleep(60)
print(os.getpid())
os._exit(0)
"""


def test_a_child_does_not_keep_its_dead_parent_alive(folder: Path) -> None:  # noqa: F811
    run(FORK_AND_LEAVE.replace("time.sleep(60)", "time.sleep(5); os._exit(0)"))
    assert outcomes() == {"ok": 1}
    assert live(folder) == []


FULL = """
import resource
from collectors.handlers import instrument, FAMILIES
orders = instrument("orders", handler="h", service="shop")
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
@orders
def handle(event):
    return event
print([handle(1), handle(2)])
print({s.name: s.value for f in FAMILIES.collect() for s in f.samples if s.value and "bucket" not in s.name})
"""


def test_a_full_disk_leaves_the_handler_alone_and_is_told(folder: Path) -> None:  # noqa: F811
    told = run(FULL)
    assert "[1, 2]" in told
    assert "'eda_handler_events_total': 2.0" in told
    assert "'eda_recorder_errors_total': 1.0" in told
    assert told.count("counting in memory") == 1


def test_a_directory_that_is_none_leaves_the_handler_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EDA_HANDLERS_DIR", str(tmp_path / "file"))
    assert instrument("orders")(lambda event: event)(3) == 3
    assert outcomes() == {"ok": 1}
    assert "counting in memory" in caplog.text


def test_the_directory_of_prometheus_client_is_used_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    instrument("orders")(lambda event: event)(3)
    assert len(live(tmp_path)) == 1


REASONS_OF_ONE = """
from collectors.handlers import instrument
for number in range(15):
    with instrument("orders", handler="h", service="shop").event() as event:
        event.failed(f"{name} {number}")
"""


def test_reasons_are_bounded_over_all_processes(folder: Path) -> None:  # noqa: F811
    for name in "abc":
        run(f"name = {name!r}" + REASONS_OF_ONE)
    found = reasons()
    assert len(found) == REASONS + 1
    assert found["other"] == 25
    assert outcomes() == {"failed": 45}


def test_a_fold_of_many_handlers_is_whole(tmp_path: Path) -> None:
    process = Process(tmp_path)
    for number in range(200):
        slots = process.ledger.record(b"handler %d" % number, layout.HANDLER_SLOTS)
        slots[layout.EVENTS] = number
        slots[layout.IN_PROGRESS], slots[layout.SINCE] = 1, 5
    process.die()
    for _ in range(2):
        totals = Totals()
        Directory(tmp_path).read(totals)
        assert [numbers[layout.EVENTS] for numbers in totals.records.values()] == list(range(200))
        assert not any(numbers[layout.IN_PROGRESS] for numbers in totals.records.values())
