"""The things that problems are about, and which of them an alert is about. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from monitor.alerts.links import NAMING, page_of
from monitor.console.data import DeadLetterStore
from monitor.store.reader import AlertState


class Subject(NamedTuple):
    """The thing that a problem is about: the page that shows it, and the labels that name it there."""

    page: str
    labels: tuple[tuple[str, str], ...]

    @classmethod
    def named(cls, page: str, labels: Mapping[str, str]) -> Subject:
        """By those of the labels that tell things apart."""
        return cls(page, tuple((name, labels[name]) for name in NAMING if labels.get(name)))

    @classmethod
    def of_store(cls, store: DeadLetterStore) -> Subject:
        return cls.named(
            "dead-letters", {"target": store.target, "destination": store.destination, "source": store.source}
        )

    def get(self, label: str) -> str:
        return dict(self.labels).get(label, "")

    @property
    def name(self) -> str:
        """As people call it: `dispatch on shipments`, `orders.dlq (from orders)`, `kafka`."""
        of = dict(self.labels)
        if self.page == "dead-letters" and of.get("destination"):
            return f"{of['destination']} (from {of['source']})" if of.get("source") else of["destination"]
        who, where = of.get("service") or of.get("group"), of.get("destination") or of.get("source")
        return f"{who} on {where}" if who and where else who or where or of.get("target", "")


class Subjects:
    """Finds what an alert is about: a store of dead letters whatever names it, and a handler's group where that is one
    of `known`. Alerts of a handler are told last: they join what the others are about.
    """

    def __init__(self, stores: Iterable[DeadLetterStore], known: Iterable[Subject]) -> None:
        self._stores, self._groups = (
            defaultdict[str, list[DeadLetterStore]](list),
            defaultdict[str, list[Subject]](list),
        )
        for store in stores:
            self._stores[store.target].append(store)
        for one in known:
            self._know(one)

    def about(self, alert: AlertState) -> Subject:
        found = self._handled(alert.labels) if alert.labels.get("service") else self._thing(alert)
        self._know(found)
        return found

    def _know(self, one: Subject) -> None:
        if one.page == "consumers":
            self._groups[one.get("destination")].append(one)

    def _handled(self, labels: Mapping[str, str]) -> Subject:
        for one in self._groups[labels.get("destination", "")]:
            if labels.get("group") in ("", one.get("group")):
                return one
        return Subject.named("handlers", {**labels, "target": ""})

    def _thing(self, alert: AlertState) -> Subject:
        labels = alert.labels
        if not labels.get("group"):
            for store in self._stores[labels.get("target", "")]:
                if _names(labels, store):
                    return Subject.of_store(store)
        return Subject.named(alert.annotations.get("page") or page_of(labels), labels)


def _names(labels: Mapping[str, str], store: DeadLetterStore) -> bool:
    destination, source = labels.get("destination"), labels.get("source")
    return (destination or source) is not None and (
        destination in (None, store.destination) and source in (None, store.source)
    )
