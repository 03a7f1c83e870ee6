"""Fetch buses, rules, targets and the queues they lead to: seldom, and no more rules in a cycle than the budget.

What could not be read stays as it was known. Dead-letter queues are read in every cycle, for their depth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from collectors.aws.account import Call
from collectors.aws.arn import parsed
from collectors.aws.cycle import SLACK, Cycle
from collectors.aws.errors import AwsError
from collectors.eventbridge import answers
from collectors.eventbridge.answers import Queue, Rule, RuleKey, name_of
from collectors.eventbridge.figures import NAMESPACE, Listed
from collectors.eventbridge.grid import Grid
from collectors.eventbridge.judge import is_queue
from collectors.eventbridge.settings import EventBridgeSettings

_PAGE = 100
_LATER = "throttled or over the topology budget: their turn comes in the next cycles"


class Topology:
    """What is known of an account's buses: `grid`, and the metrics that CloudWatch lists."""

    def __init__(self, settings: EventBridgeSettings) -> None:
        self.grid, self.listed = Grid(), Listed()
        self._settings = settings
        self._due_at = 0.0
        self._targets_at: dict[RuleKey, float] = {}
        self._urls: dict[str, str] = {}

    @property
    def is_begun(self) -> bool:
        """Whether the targets of every rule were asked for at least once."""
        return self.grid.rules.keys() <= self._targets_at.keys()

    def read(self, cycle: Cycle, now: float) -> None:
        """Read what is due; raises AwsError when nothing can be read."""
        is_due = now >= self._due_at
        if is_due:
            self._read_buses(cycle)
            self._read_rest(cycle)
            self._due_at = now + self._settings.topology_interval * (1 - SLACK)
        self._read_targets(cycle, now)
        self._read_queues(cycle, is_due)

    def _read_buses(self, cycle: Cycle) -> None:
        try:
            told = list(_pages(cycle, "events", "ListEventBuses", "EventBuses", Limit=_PAGE))
        except AwsError as error:
            if error.of_all or not self.grid.buses:
                raise
            return cycle.fail("buses", str(error))
        named = {str(one["Name"]): one for one in told if self._settings.buses.admits(str(one["Name"]))}
        described = dict(
            cycle.answered((name, Call("events", "DescribeEventBus", {"Name": name})) for name in sorted(named))
        )
        self.grid.buses = {name: answers.bus(one, described.get(name)) for name, one in named.items()}
        found = dict(
            self._whole(
                cycle,
                ((name, Call("events", "ListRules", {"EventBusName": name, "Limit": _PAGE})) for name in sorted(named)),
                "Rules",
            )
        )
        self._keep_rules(named.keys(), found)
        return None

    def _keep_rules(self, buses: Iterable[str], found: dict[str, list[Any]]) -> None:
        """Take the rules of the buses that answered, with the targets that are known of them, and keep the others."""
        before, rules = self.grid.rules, {}
        for bus in buses:
            if bus in found:
                told = (answers.rule({**one, "EventBusName": bus}) for one in found[bus])
                new = [one for one in told if self._settings.rules.admits(one.name)]
            else:
                new = [one for one in before.values() if one.bus == bus]
            for one in new:
                known = before.get(one.key)
                rules[one.key] = one if known is None else one._replace(targets=known.targets)
        self.grid.rules = rules
        self._targets_at = {key: at for key, at in self._targets_at.items() if key in rules}

    def _read_rest(self, cycle: Cycle) -> None:
        with cycle.part("archives"):
            told = _pages(cycle, "events", "ListArchives", "Archives", Limit=_PAGE)
            self.grid.archives = [one for one in map(answers.archive, told) if one.bus in self.grid.buses]
        with cycle.part("replays"):
            self.grid.replays = [answers.replay(one) for one in _pages(cycle, "events", "ListReplays", "Replays")]
        self.grid.newer = _newer(cycle)
        if self._settings.metrics_budget:
            with cycle.part("names of metrics"):
                listed = cycle.listed(
                    "cloudwatch", "ListMetrics", "Metrics", Namespace=NAMESPACE, RecentlyActive="PT3H"
                )
                self.listed = Listed(listed)

    def _read_targets(self, cycle: Cycle, now: float) -> None:
        """Read the targets of rules whose turn it is, those first that were never or longest ago read."""
        oldest = now - self._settings.topology_interval * (1 - SLACK)
        due = sorted(
            (key for key in self.grid.rules if self._targets_at.get(key, 0.0) <= oldest),
            key=lambda key: (self._targets_at.get(key, 0.0), key),
        )
        asked = {f"targets of {name} of {bus}": (bus, name) for bus, name in due[: self._settings.topology_budget]}
        throttled = set[str]()
        found = self._whole(
            cycle,
            (
                (what, Call("events", "ListTargetsByRule", {"Rule": name, "EventBusName": bus, "Limit": _PAGE}))
                for what, (bus, name) in asked.items()
            ),
            "Targets",
            throttled.add,
        )
        for what, told in found:
            key = asked[what]
            self.grid.rules[key] = self.grid.rules[key]._replace(targets=tuple(map(answers.target, told)))
        self._targets_at |= {key: now for what, key in asked.items() if what not in throttled}
        late = len(due) - len(asked) + len(throttled)
        if late:
            cycle.skip(f"targets of {late} rules", _LATER)

    def _read_queues(self, cycle: Cycle, with_targets: bool) -> None:
        """Read the dead-letter queues, and queues that are targets where these are due too."""
        stores = self.grid.stores().keys()
        targets = {arn for rule in self.grid.known_rules() for arn in _queues_here(rule)}
        stay = set() if with_targets else targets - stores
        kept = {arn: queue for arn, queue in self.grid.queues.items() if arn in stay}
        asked = sorted(arn for arn in stores | targets if arn not in kept and is_queue(arn))
        self.grid.queues = kept | self._queues(cycle, asked)

    def _queues(self, cycle: Cycle, arns: list[str]) -> dict[str, Queue | None]:
        """What is known now of queues: None where one is gone, nothing where it could not be read."""
        found: dict[str, Queue | None] = {}
        new = ((f"queue {arn}", Call("sqs", "GetQueueUrl", _name(arn))) for arn in arns if arn not in self._urls)
        for what, answer in cycle.answered(new, _is_gone):
            arn = what.removeprefix("queue ")
            if isinstance(answer, AwsError):
                found[arn] = None
            else:
                self._urls[arn] = answer["QueueUrl"]
        known = [arn for arn in arns if arn in self._urls]
        calls = ((f"queue {arn}", Call("sqs", "GetQueueAttributes", _attributes(self._urls[arn]))) for arn in known)
        for what, answer in cycle.answered(calls, _is_gone):
            arn = what.removeprefix("queue ")
            if isinstance(answer, AwsError):
                found[arn] = None
                del self._urls[arn]
            else:
                with cycle.part(what):
                    found[arn] = answers.queue(answer["Attributes"])
        return found

    def _whole(
        self,
        cycle: Cycle,
        calls: Iterable[tuple[str, Call]],
        key: str,
        throttled: Callable[[str], None] | None = None,
    ) -> Iterator[tuple[str, list[Any]]]:
        """Lists of many things with all their pages, several at a time; of those that are throttled the name is told.

        One whose page failed is not among them.
        """
        asked, found = dict(calls), dict[str, list[Any]]()
        while asked:
            following = {}
            is_answer = (lambda error: error.throttled) if throttled is not None else (lambda error: False)
            for what, answer in cycle.answered(asked.items(), is_answer):
                if isinstance(answer, AwsError):
                    assert throttled is not None  # else it is no answer
                    throttled(what)
                    continue
                found.setdefault(what, []).extend(answer.get(key, ()))
                if token := answer.get("NextToken"):
                    call = asked[what]
                    following[what] = call._replace(parameters={**call.parameters, "NextToken": token})
                else:
                    yield what, found[what]
            asked = following


def _pages(cycle: Cycle, service: str, operation: str, key: str, **parameters: Any) -> Iterator[Any]:
    """What all pages of a list hold that the SDK has no paginator for; raises AwsError."""
    token: dict[str, str] = {}
    while True:
        answer = cycle.account.call(service, operation, **parameters, **token)
        yield from answer.get(key, ())
        if not answer.get("NextToken"):
            return
        token = {"NextToken": answer["NextToken"]}


def _newer(cycle: Cycle) -> list[str]:
    """The names of buses of EventBridge's second version, where region and endpoint have it."""
    try:
        return [str(one["Name"]) for one in _pages(cycle, "eventbridgev2", "ListEventBuses", "EventBuses")]
    except AwsError as error:
        if error.denied:
            cycle.skip("buses of EventBridge v2", str(error))
    except (KeyError, TypeError, ValueError, AttributeError):
        pass  # an emulator that does not know the protocol answers with something else
    return []


def _queues_here(rule: Rule) -> Iterator[str]:
    """The queues among the targets of a rule that are in its account and region."""
    home = parsed(rule.arn)
    for target in rule.targets or ():
        arn = parsed(target.arn)
        is_here = arn is not None and home is not None and (arn.account, arn.region) == (home.account, home.region)
        if is_here and is_queue(target.arn):
            yield target.arn


def _name(arn: str) -> dict[str, str]:
    found = parsed(arn)
    return {"QueueName": name_of(arn), "QueueOwnerAWSAccountId": found.account if found is not None else ""}


def _attributes(url: str) -> dict[str, Any]:
    return {"QueueUrl": url, "AttributeNames": ["All"]}


def _is_gone(error: AwsError) -> bool:
    return error.code.endswith(("NonExistentQueue", "QueueDoesNotExist"))
