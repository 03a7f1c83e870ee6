"""Rules for other programs: Alertmanager's routing with inhibitions, and Grafana's alert provisioning. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from monitor.alerts.promql import annotations_of, duration_of, links_of, to_promql
from monitor.alerts.rules import Rule

#: source matchers, target matchers, labels that must be equal, why.
INHIBITIONS = (
    (
        ('alertname=~"CollectorDown|CollectorHangs"',),
        ('alertname!~"CollectorDown|CollectorHangs"',),
        ("target",),
        "Of a target that cannot be read nothing is known.",
    ),
    (
        ('severity="critical"',),
        ('severity=~"warning|info"',),
        ("target", "destination", "group", "source"),
        "Who was woken need not be told twice.",
    ),
)

#: Grafana's folder of all that is ours. No dashboard may have its uid: an older Grafana keeps both in one table.
FOLDER_TITLE, FOLDER_UID = "Event-driven systems", "event-driven-systems"
#: Its group of the rules, and how often it is evaluated, in seconds.
GROUP, INTERVAL_SECONDS = "eda-monitor", 60.0

_ALERTMANAGER = """\
# An example for an Alertmanager of your own: put in your receivers. {note}
route:
  receiver: ops
  group_by: [alertname, target, destination]
  group_wait: 10s
  group_interval: 5m
  repeat_interval: 4h
  routes:
    - receiver: heartbeat # what calls you when Watchdog stops
      matchers: ['severity="none"']
      group_wait: 0s
      group_interval: 1m
      repeat_interval: 1m
receivers:
  - name: ops
    webhook_configs: [{{url: "http://127.0.0.1:9000/hook"}}]
  - name: heartbeat
    webhook_configs: [{{url: "http://127.0.0.1:9000/heartbeat", send_resolved: false}}]
inhibit_rules:
"""


def to_alertmanager_yaml() -> str:
    """A configuration of Alertmanager (0.22 or newer, for `matchers`)."""
    lines = []
    for sources, targets, equal, why in INHIBITIONS:
        lines += [
            f"  - source_matchers: {_listed(sources)} # {why}",
            f"    target_matchers: {_listed(targets)}",
            f"    equal: [{', '.join(equal)}]",
        ]
    return _ALERTMANAGER.format(note="`eda-monitor export-rules` writes it.") + "\n".join(lines) + "\n"


def to_grafana_yaml(rules: Sequence[Rule], datasource: str, console_url: str = "", grafana_url: str = "") -> str:
    """Alert provisioning of Grafana, by file; the queries go to the data source with that uid. JSON is YAML too.

    Alerts link to console and dashboard where these are known.
    """
    told = _grafana_rules(rules, datasource, console_url, grafana_url)
    for one in told:
        one["missing_series_evals_to_resolve"] = one.pop("missingSeriesEvalsToResolve")
    group = {
        "orgId": 1,
        "name": GROUP,
        "folder": FOLDER_TITLE,
        "interval": duration_of(INTERVAL_SECONDS),
        "rules": told,
    }
    return json.dumps({"apiVersion": 1, "groups": [group]}, indent=2, ensure_ascii=False) + "\n"


def to_grafana_group(
    rules: Sequence[Rule], folder: str, datasource: str, console_url: str = "", grafana_url: str = ""
) -> dict[str, Any]:
    """The same as a group of Grafana's provisioning API, in the folder with that uid.

    The API spells some keys in another way than files do, and takes what it does not know without a word.
    """
    told = _grafana_rules(rules, datasource, console_url, grafana_url)
    for one in told:
        one |= {"folderUID": folder, "ruleGroup": GROUP, "orgID": 1}
        if "keepFiringFor" in one:
            one["keep_firing_for"] = one.pop("keepFiringFor")
    return {"title": GROUP, "folderUid": folder, "interval": int(INTERVAL_SECONDS), "rules": told}


def _grafana_rules(rules: Sequence[Rule], datasource: str, console_url: str, grafana_url: str) -> list[dict[str, Any]]:
    return [
        _grafana_rule(rule, title, datasource, links_of(rule, console_url, grafana_url))
        for rule, title in zip(rules, _titles(rules), strict=True)
        if rule.unless_fired is None  # Grafana keeps no ALERTS
    ]


def _titles(rules: Sequence[Rule]) -> list[str]:
    """Titles differ within a folder, and variants of a rule have one name."""
    seen: list[str] = []
    for rule in rules:
        parts = sum(one == rule.name or one.startswith(f"{rule.name} (") for one in seen)
        seen.append(f"{rule.name} ({parts + 1})" if parts else rule.name)
    return seen


def _grafana_rule(rule: Rule, title: str, datasource: str, links: Mapping[str, str]) -> dict[str, Any]:
    """Where the expression finds a series, its value counts, whatever it is; where it finds none, all is well."""
    query = {"refId": "A", "expr": to_promql(rule), "instant": True, "intervalMs": 15000, "maxDataPoints": 100}
    threshold = {
        "refId": "B",
        "type": "math",
        "expression": "$A == $A",  # PromQL has compared already
        "datasource": {"type": "__expr__", "uid": "__expr__"},
    }
    told: dict[str, Any] = {
        "uid": "eda-" + re.sub(r"\W+", "-", title.lower()).strip("-")[:36],
        "title": title,
        "condition": "B",
        "data": [
            {
                "refId": "A",
                "relativeTimeRange": {"from": 600, "to": 0},
                "datasourceUid": datasource,
                "model": query,
            },
            {
                "refId": "B",
                "relativeTimeRange": {"from": 0, "to": 0},
                "datasourceUid": "__expr__",
                "model": threshold,
            },
        ],
        "noDataState": "OK",
        "execErrState": "Error",
        "for": duration_of(rule.for_),
        "labels": {"severity": rule.severity},
        "annotations": {**annotations_of(rule, "$values.A.Value"), **links},
        "isPaused": False,
        # What keeps an alert whose series is gone: `keepFiringFor` is of series that are there.
        "missingSeriesEvalsToResolve": 1 + math.ceil(rule.keep_firing_for / INTERVAL_SECONDS),
    }
    if rule.keep_firing_for:
        told["keepFiringFor"] = duration_of(rule.keep_firing_for)
    return told


def _listed(matchers: Sequence[str]) -> str:
    return "[" + ", ".join(f"'{matcher}'" for matcher in matchers) + "]"
