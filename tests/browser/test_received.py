"""Messages as they are received: each says what changed and links to console and dashboard, and can be read.

`EDA_MONITOR_IMAGES=DIR` keeps the pictures that are drawn of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from consoles import free_port
from drawing import mail, request, slack, terminal
from incident import CONSOLE, GRAFANA, incident
from integration.conftest import or_skip
from PIL import Image
from playwright.sync_api import Browser
from receiving import Receiver, Request, receiving
from test_email import Controlled, Mailbox

from monitor.demo import services

pytestmark = pytest.mark.integration

ROUTING_KEY, API_KEY, TOKEN = "0123456789abcdef0123456789abcdef", "11111111-2222-3333", "t0ken"
#: The rule whose message is looked at, and what is told of what changed.
RULE = "DeadLettersGrowing"
CHANGED = "in 12/s (was 3/s), out 0.4/s (was 3/s), handler p95 2 s (was 86 ms), handler fails"


class Received(NamedTuple):
    """What each receiver was sent about the rule."""

    mail: EmailMessage
    webhook: Request
    slack: Request
    pagerduty: Request
    opsgenie: Request
    alertmanager: str


@pytest.fixture(scope="module")
def received(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Received]:
    with ExitStack() as stack:
        manager = stack.enter_context(or_skip(services.alertmanager()))
        box, port = Mailbox(), free_port()
        server = Controlled(box, hostname="127.0.0.1", port=port)
        server.start()
        stack.callback(server.stop)
        kinds = ("webhook", "slack", "pagerduty", "opsgenie")
        servers = {kind: stack.enter_context(receiving(202, answer=b"{}")) for kind in kinds}
        settings = [
            {"kind": "email", "host": "127.0.0.1", "port": port, "security": "none",
             "sender": "eda-monitor@example.org", "to": ["night@example.org"]},
            {"kind": "webhook", "url": f"{servers['webhook'].url}/hook", "authorization": f"Bearer {TOKEN}"},
            {"kind": "slack", "url": f"{servers['slack'].url}/services/{TOKEN}"},
            {"kind": "pagerduty", "url": f"{servers['pagerduty'].url}/v2/enqueue", "routing_key": ROUTING_KEY},
            {"kind": "opsgenie", "url": f"{servers['opsgenie'].url}/v2/alerts", "api_key": API_KEY},
            {"kind": "alertmanager", "urls": [manager]},
        ]  # fmt: skip
        folder = tmp_path_factory.mktemp("incident")
        stack.enter_context(incident(folder, [{"name": one["kind"], **one} for one in settings]))
        yield Received(
            until(lambda: next((one for one in box.mails if "dead letters" in one["Subject"]), None)),
            *(until(lambda one=one: about(one)) for one in servers.values()),  # type: ignore[misc]
            until(lambda: amtool(manager) or None),
        )


def about(receiver: Receiver) -> Request | None:
    return next((one for one in receiver.requests if RULE in str(one.body)), None)


def amtool(url: str) -> str:
    command = ["amtool", "alert", "query", f"alertname={RULE}", "--output=json", f"--alertmanager.url={url}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return json.dumps(json.loads(said), indent=2) if RULE in said else ""


def until(look: Callable[[], Any]) -> Any:
    end = time.monotonic() + 20
    while (found := look()) is None:
        assert time.monotonic() < end, "it was not received"
        time.sleep(0.05)
    return found


Draw = Callable[..., str]


@pytest.fixture
def draw(browser: Browser, tmp_path: Path) -> Draw:
    """Draws a page under a name; returns the text that can be read of it, which must fit the width."""
    folder = Path(os.environ.get("EDA_MONITOR_IMAGES", tmp_path))

    def drawn(name: str, html: str, width: int = 900) -> str:
        with browser.new_context(viewport={"width": width, "height": 200}) as context:
            page = context.new_page()
            page.set_content(html)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.screenshot(path=folder / f"{name}.png", full_page=True)
            with Image.open(folder / f"{name}.png") as image:
                image.quantize(128, Image.Quantize.FASTOCTREE).save(folder / f"{name}.png", optimize=True)
            return page.inner_text("body")

    return drawn


def says_all(text: str) -> None:
    """What changed, and both addresses."""
    assert CHANGED in text
    assert f"{CONSOLE}/dead-letters?target=kafka&destination=orders.dlq&source=orders&at=" in text
    assert f"{GRAFANA}/d/eda-dead-letters?var-target=kafka" in text


@pytest.mark.parametrize(("name", "width"), [("mail", 900), ("mail-phone", 390)])
def test_a_mail_can_be_read_on_a_screen_and_on_a_phone(received: Received, draw: Draw, name: str, width: int) -> None:
    page = mail(received.mail, "html")

    assert CHANGED in draw(name, page, width)
    says_all(page.replace("&amp;", "&"))


def test_a_mail_can_be_read_as_plain_text(received: Received, draw: Draw) -> None:
    says_all(draw("mail-plain", mail(received.mail, "plain")))


def test_slack_is_told_in_blocks(received: Received, draw: Draw) -> None:
    page = slack(received.slack.body)

    assert CHANGED in draw("slack", page, 600)
    says_all(page.replace("&amp;", "&"))


def test_pagerduty_is_told_an_event(received: Received, draw: Draw) -> None:
    text = draw("pagerduty", request(received.pagerduty, (ROUTING_KEY,)))

    says_all(text)
    assert ROUTING_KEY not in text


def test_opsgenie_is_told_an_alert(received: Received, draw: Draw) -> None:
    text = draw("opsgenie", request(received.opsgenie, (API_KEY,)))

    says_all(text)
    assert API_KEY not in text


def test_a_webhook_is_told_in_the_form_of_alertmanager(received: Received, draw: Draw) -> None:
    text = draw("webhook", request(received.webhook, (TOKEN,)))

    says_all(text)
    assert TOKEN not in text


def test_alertmanager_has_the_alert(received: Received, draw: Draw) -> None:
    says_all(draw("alertmanager", terminal(f"amtool alert query {RULE} --output=json", received.alertmanager)))
