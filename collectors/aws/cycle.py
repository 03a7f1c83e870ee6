"""One cycle's requests: its parts failing one by one and named, its phases timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from collectors.aws.account import Account, Call
from collectors.aws.errors import AwsError
from collectors.base import PartError, Reading, Skipped

#: A cycle may come this much early, as a share of the interval of what is read now and then.
SLACK = 0.1


class Cycle:
    """Asks the account, and notes in the reading what failed and what was left out."""

    def __init__(self, account: Account, reading: Reading, deadline: float) -> None:
        self.account, self.reading = account, reading
        self._requests_before = account.requests
        account.begin(deadline)

    def skip(self, what: str, reason: str) -> None:
        self.reading.skipped.append(Skipped(what, reason))

    def fail(self, what: str, message: str) -> None:
        self.reading.errors.append(PartError(what, message))

    def listed(self, service: str, operation: str, key: str, **parameters: Any) -> list[Any]:
        """What all pages of a list have under a key; raises AwsError."""
        return [item for page in self.account.pages(service, operation, **parameters) for item in page.get(key, ())]

    def answered(
        self, calls: Iterable[tuple[str, Call]], is_answer: Callable[[AwsError], bool] = lambda error: False
    ) -> Iterator[tuple[str, Any]]:
        """The answers to requests about many things, with what each is of; what failed is an error of the reading.

        What fails for every thing for one reason is told once. Of an error that `is_answer`, it is the answer.
        """
        named = list(calls)
        failed: dict[str, list[str]] = {}
        for (what, _), answer in zip(named, self.account.together(call for _, call in named), strict=True):
            if isinstance(answer, AwsError) and not is_answer(answer):
                failed.setdefault(str(answer), []).append(what)
            else:
                yield what, answer
        for message, things in failed.items():
            others = f" and {len(things) - 1} others" if len(things) > 1 else ""
            self.fail(f"{things[0]}{others}", message)

    @contextmanager
    def part(self, what: str) -> Iterator[None]:
        """A part that may fail, and is named then, while the rest is right."""
        try:
            yield
        except AwsError as error:
            self.fail(what, str(error))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self.fail(what, f"the answer is not understood: {error!r}")

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.reading.phases[name] = time.monotonic() - began

    def end(self) -> None:
        """Note how many requests there were."""
        self.reading.requests = self.account.requests - self._requests_before
