"""Bring dashboards and rules into a Grafana, step by step; nothing of a person's is overwritten unless forced."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from collectors.base import parse_duration
from monitor.grafana.remote.plan import Action, Step, difference, planned, pruned
from monitor.grafana.remote.server import Datasource, Grafana, GrafanaError

#: Grafana's own provenance of what came by its provisioning API.
_BY_API = "api"


@dataclass(frozen=True, slots=True)
class Place:
    """The folder that dashboards and rules are in: its uid, and its title if it has to be made."""

    uid: str
    title: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done: `done` is created, updated, same, deleted or refused."""

    step: Step
    done: str
    url: str = ""
    why: str = ""


def datasource_of(found: Sequence[Datasource], wanted: str) -> Datasource:
    """The one with that name or uid; the first where none is wanted. Raises GrafanaError."""
    if not found:
        raise GrafanaError("Grafana has no data source of the kind Prometheus; add one that scrapes the agent")
    named = [one for one in found if wanted in (one.uid, one.name)] if wanted else found[:1]
    if not named:
        names = ", ".join(repr(one.name) for one in found)
        raise GrafanaError(f"datasource: {wanted!r} is none of Grafana's; expected one of {names}")
    return named[0]


def settled(board: Mapping[str, Any], datasource: Datasource, console_url: str) -> dict[str, Any]:
    """The dashboard as it opens with this data source, and links to the console there, where that is known."""

    def variable(one: Mapping[str, Any]) -> Mapping[str, Any]:
        if one["type"] == "datasource":
            return {**one, "current": {"text": datasource.name, "value": datasource.uid}}
        if one["name"] == "console" and console_url:
            return {**one, "query": console_url, "current": {"text": console_url, "value": console_url}}
        return one

    variables = [variable(one) for one in board["templating"]["list"]]
    return {**board, "templating": {**board["templating"], "list": variables}}


def plan(grafana: Grafana, boards: Sequence[Mapping[str, Any]], place: Place) -> Iterator[Step]:
    """A step for each dashboard, in their order."""
    for board in boards:
        yield planned(board, place.uid, grafana.found(str(board["uid"])))


def plan_pruning(grafana: Grafana, boards: Sequence[Mapping[str, Any]], place: Place) -> list[Step]:
    return pruned(grafana.ours(place.uid), frozenset(str(board["uid"]) for board in boards))


def plan_rules(grafana: Grafana, group: Mapping[str, Any], place: Place) -> Step:
    """The step for the group of rules. Rules that came by the API cannot be edited on Grafana's pages."""
    uid, title = str(group["title"]), f"{len(group['rules'])} alert rules"

    def step(action: Action, why: str = "", diff: tuple[str, ...] = ()) -> Step:
        return Step(uid, title, action, why, diff, None if action is Action.PROVISIONED else group, kind="rules")

    there = grafana.rule_group(place.uid, uid)
    if there is None or not there.get("rules"):
        return step(Action.CREATE)
    diff = difference(_of_ours(_plain(there), _plain(group)), _plain(group))
    if not diff:
        return step(Action.SAME)
    provenances = {str(one.get("provenance") or "") for one in there["rules"]}
    if "file" in provenances:
        return step(Action.PROVISIONED, "Grafana has them from a file: change them there, or take them out of it", diff)
    if provenances != {_BY_API}:
        return step(Action.CHANGED, "the group has rules that were made in Grafana", diff)
    return step(Action.UPDATE, "", diff)


def carry_out(grafana: Grafana, step: Step, place: Place, force: bool) -> Outcome:
    """Import a dashboard, or the rules, as it was planned. Raises GrafanaError for what is not about this one alone."""
    address = "/alerting/list" if step.kind == "rules" else f"/d/{step.uid}"
    if step.action is Action.SAME:
        return Outcome(step, "same", f"{grafana.url}{address}")
    if step.board is None or (step.action is Action.CHANGED and not force):
        return Outcome(step, "refused", why=step.why)
    try:
        if step.kind == "rules":
            grafana.save_rule_group(place.uid, step.uid, step.board)
        else:
            grafana.save(step.board, place.uid, step.version, force and step.action is Action.CHANGED)
    except GrafanaError as error:
        if error.is_conflict:
            return Outcome(step, "refused", why=f"it was changed while it was imported: {error}")
        if error.status == 400:  # such as one that a file provisions, of which an older Grafana says so only now
            return Outcome(step, "refused", why=str(error))
        raise
    return Outcome(step, "created" if step.action is Action.CREATE else "updated", f"{grafana.url}{address}")


def delete(grafana: Grafana, step: Step, force: bool) -> Outcome:
    """Delete a dashboard of ours that is rendered no more."""
    if step.action is Action.CHANGED and not force:
        return Outcome(step, "refused", why=step.why)
    grafana.delete(step.uid)
    return Outcome(replace(step, action=Action.PRUNE), "deleted")


def _plain(group: Mapping[str, Any]) -> dict[str, Any]:
    """The group with its durations in seconds, which Grafana writes in its own way."""
    rules = {
        str(rule["uid"]): {name: _seconds(value) if name in _DURATIONS else value for name, value in rule.items()}
        for rule in group.get("rules", [])
    }
    return {"interval": group.get("interval"), "rules": rules}


_DURATIONS = ("for", "keep_firing_for")
#: What Grafana 11 does not know, and takes without a word.
_YOUNG = frozenset({"keep_firing_for", "missingSeriesEvalsToResolve"})


def _seconds(value: Any) -> Any:
    """Seconds of a duration such as "1h30m" or "0s"; what is none stays."""
    parts = re.findall(r"\d+(?:\.\d+)?(?:ms|[smhdw])", str(value))
    return sum(parse_duration(part) for part in parts) if parts else value


def _of_ours(there: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Of what Grafana has, what we have set: it adds fields of its own, and a person may add rules."""
    rules = {uid: _projected(rule, ours["rules"].get(uid, rule)) for uid, rule in there["rules"].items()}
    return {**there, "rules": rules}


def _projected(there: Any, ours: Any) -> Any:
    if isinstance(there, Mapping) and isinstance(ours, Mapping):
        known = there if _YOUNG & there.keys() else {**{name: ours[name] for name in _YOUNG & ours.keys()}, **there}
        return {name: _projected(value, ours[name]) for name, value in known.items() if name in ours}
    if isinstance(there, list) and isinstance(ours, list) and len(there) == len(ours):
        return [_projected(*pair) for pair in zip(there, ours, strict=True)]
    return there
