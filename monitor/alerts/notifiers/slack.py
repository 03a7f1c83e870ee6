"""Slack, by an incoming webhook, in Block Kit.

What comes from outside stands in `plain_text`, where neither markup nor mentions are read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import SecretStr, model_validator

from monitor.alerts.messages import AlertMessage, Notification
from monitor.alerts.notifiers.base import HttpSettings, check_url, secret
from monitor.alerts.notifiers.http import post
from monitor.alerts.notifiers.texts import OPENS, advice, cut, facts, headline, links, more, title

#: Slack's limits, in characters: of a header, of a section, of a field; and of fields in a section.
HEADER, SECTION, FIELD, FIELDS = 150, 3000, 2000, 10
#: Of 50 blocks a message may have; an alert takes up to 4.
ALERTS = 11
#: Shown at once; the rest of a field is for the console.
SHOWN = 300
SIGNS = {"firing": "🔴", "resolved": "🟢"}


class SlackSettings(HttpSettings):
    url: SecretStr | None = None
    url_file: Path | None = None
    url_env: str | None = None

    @model_validator(mode="after")
    def _can_be_sent_to(self) -> Self:
        check_url(self)
        return self


class SlackNotifier:
    Settings: ClassVar[type[HttpSettings]] = SlackSettings
    holds_open: ClassVar[bool] = False

    def __init__(self, settings: SlackSettings) -> None:
        self._settings = settings

    def send(self, notification: Notification, key: str) -> str:
        url, timeout = secret(self._settings, "url"), self._settings.timeout
        return post(url, payload(notification), timeout=timeout, cafile=self._settings.ssl_cafile)


def payload(notification: Notification) -> dict[str, Any]:
    """`text` is what a phone shows of it."""
    sign, line = SIGNS.get(notification.status, ""), title(notification)
    blocks: list[dict[str, Any]] = [{"type": "header", "text": _text(f"{sign} {line}", HEADER)}]
    for alert in notification.alerts[:ALERTS]:
        blocks += _blocks(alert, notification)
    left = len(notification.alerts[ALERTS:]) + notification.truncated
    if left:
        blocks.append({"type": "section", "text": _text(more(left), SECTION)})
    return {"text": escape(cut(line, SECTION)), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def escape(text: str) -> str:
    """For text in which Slack reads markup: these three make links and mentions."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _blocks(alert: AlertMessage, notification: Notification) -> list[dict[str, Any]]:
    fields = [_text(f"{word}\n{cut(text, SHOWN)}", FIELD) for word, text in facts(alert)[:FIELDS]]
    section: dict[str, Any] = {"type": "section", "fields": fields}
    if len(notification.alerts) > 1:  # of one alone the header has said it
        section["text"] = _text(f"{SIGNS.get(alert.status, '')} {headline(alert)}", SECTION)
    blocks = [section]
    if what := advice(alert):
        blocks.append({"type": "section", "text": _text(what, SECTION)})
    if linked := " · ".join(f"<{escape(url)}|{OPENS[word]}>" for word, url in links(alert, notification)):
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": linked, "verbatim": True}})
    return [*blocks, {"type": "divider"}]


def _text(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": cut(text, limit), "emoji": False}
