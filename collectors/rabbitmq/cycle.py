"""One cycle's requests: within its deadline, its parts failing one by one, its phases timed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from collectors.base import PartError, Reading, Skipped
from collectors.rabbitmq.api import Api, ApiError


class Cycle:
    """Asks the broker, and notes in the reading what failed and what was left out."""

    def __init__(self, api: Api, reading: Reading, deadline: float) -> None:
        self.reading = reading
        self._api, self._deadline = api, deadline

    def get(self, path: str, **parameters: object) -> Any:
        """The JSON of the management API; raises ApiError."""
        return self._api.get(path, self._deadline, **parameters)

    def page(self, url: str, **parameters: object) -> str:
        """The text of a page of the Prometheus plugin; raises ApiError."""
        return self._api.page(url, self._deadline, **parameters)

    def skip(self, what: str, reason: str) -> None:
        self.reading.skipped.append(Skipped(what, reason))

    @contextmanager
    def part(self, what: str) -> Iterator[None]:
        """A part that may fail, and is named then, while the rest is right."""
        try:
            yield
        except ApiError as error:
            self.reading.errors.append(PartError(what, str(error)))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self.reading.errors.append(PartError(what, f"the answer is not understood: {error!r}"))

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.reading.phases[name] = time.monotonic() - began
