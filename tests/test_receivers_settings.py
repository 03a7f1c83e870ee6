"""`[[receivers]]`, `[[routes]]`, `[alerting]` and `[[maintenance]]`: what is read, and how each mistake is told."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from monitor import config
from monitor.alerts.routing import Receiver, Route, receivers_of, wait_of
from monitor.cli import app
from monitor.config import Config, ConfigError

HOOK = '[[receivers]]\nname = "ops"\nkind = "webhook"\nurl = "https://hooks/s3cr3t"\n'
MAIL = '[[receivers]]\nname = "mail"\nkind = "email"\nhost = "mail"\nsender = "a@b.org"\nto = ["c@d.org"]\n'
PAGER = '[[receivers]]\nname = "pager"\nkind = "pagerduty"\nrouting_key = "s3cr3t"\n'
GENIE = '[[receivers]]\nname = "genie"\nkind = "opsgenie"\napi_key = "s3cr3t"\n'
MEMBERS = '[[receivers]]\nname = "am"\nkind = "alertmanager"\nurls = ["http://u:s3cr3t@am:9093"]\n'
OTHER = '[[receivers]]\nname = "other"\nkind = "apprise"\nurl = "json://u:s3cr3t@host"\n'
CHAT = '[[receivers]]\nname = "chat"\nkind = "slack"\nurl = "https://hooks.slack.com/services/s3cr3t"\n'
ALL = HOOK + MAIL + PAGER + GENIE + MEMBERS + OTHER + CHAT
ROUTE = '[[routes]]\nmatch = { severity = "critical" }\nreceivers = ["ops"]\n'
ONCE = "[[maintenance]]\nfrom = 2030-01-01T00:00:00Z\nuntil = 2030-01-01T02:00:00Z\n"
WEEKLY = '[[maintenance]]\ndays = ["sat", "sun"]\nstart = "22:00"\nend = "02:00"\ntimezone = "Europe/Berlin"\n'


def parse(text: str) -> Config:
    return config.parse(text, source="test.toml", folder=Path("/etc/eda"))


def problems(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return str(caught.value)


def test_a_receiver_of_every_kind_is_read() -> None:
    loaded = parse(ALL)

    assert [one.kind for one in loaded.receivers] == [
        "webhook", "email", "pagerduty", "opsgenie", "alertmanager", "apprise", "slack",
    ]  # fmt: skip


def test_no_secret_is_shown_by_what_was_read() -> None:
    assert "s3cr3t" not in repr(parse(ALL))


def test_an_alertmanager_is_told_of_everything_and_is_no_receiver_of_messages() -> None:
    assert [one.name for one in parse(MEMBERS + HOOK).alerting.receivers] == ["ops"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HOOK.replace("webhook", "webhok"), "receivers[0].kind: 'webhok' is not a kind; expected one of alertmanager,"),
        (HOOK.replace("url =", "uri ="), "receivers[0].uri: unknown key; expected one of"),
        (HOOK.replace("https://", "ftp://"), "receivers[0]: url: it is not a URL; expected http://host"),
        (HOOK.replace('url = "https://hooks/s3cr3t"\n', ""), "receivers[0]: expected one of url, url_file and url_env"),
        (HOOK + 'url_file = "/no"\n', "receivers[0]: expected one of url, url_file and url_env"),
        (HOOK.replace('"https://hooks/s3cr3t"', "12345"), "receivers[0].url: Input should be a valid string"),
        (HOOK + 'timeout = "soon"\n', "receivers[0].timeout: 'soon' is not a duration"),
        (HOOK + "max_waiting = 0\n", "receivers[0].max_waiting:"),
        (HOOK + 'authorization_env = "NO_SUCH"\n', "receivers[0]: authorization_env: it is empty"),
        (HOOK + 'ssl_cafile = "/no"\n', "receivers[0].ssl_cafile: the file /no cannot be read: No such file"),
        (HOOK + f'ssl_cafile = "{__file__}"\n', "holds no certificate; expected PEM"),
        (HOOK + HOOK, "receivers: the name 'ops' is given twice"),
        (PAGER.replace('"s3cr3t"', '""'), "receivers[0]: routing_key: it is empty"),
        (PAGER + 'url = "pagerduty"\n', "receivers[0]: url: it is not a URL"),
        (GENIE.replace("api_key", "apikey"), "receivers[0].apikey: unknown key"),
        (CHAT.replace("url =", "url_file ="), "url_file: the file cannot be read: No such file"),
        (CHAT.replace("url =", "url_env ="), "receivers[0]: url_env: it is empty; expected the name of a variable"),
        (MEMBERS.replace("http://u", "u"), "receivers[0]: urls[0]: it is not a URL"),
        (MEMBERS.replace('"http://u:s3cr3t@am:9093"', ""), "receivers[0].urls: Tuple should have at least 1 item"),
        (OTHER.replace("json://", "nosuch://"), "receivers[0]: url: Apprise knows no service by it"),
        (MAIL.replace("a@b.org", "A <a@b.org>"), "receivers[0].sender: 'A <a@b.org>' is not an address"),
        (MAIL.replace("c@d.org", "c"), "receivers[0].to[0]: 'c' is not an address"),
        (MAIL.replace('"c@d.org"', '"c@d.org\\nBcc: e@f.org"'), "receivers[0].to[0]:"),
        (MAIL.replace('["c@d.org"]', "[]"), "receivers[0].to: Tuple should have at least 1 item"),
        (MAIL + 'username = "u"\n', "receivers[0]: expected one of password, password_file and password_env"),
        (MAIL + 'password = "s3cr3t"\n', "receivers[0]: expected username together with password"),
        (MAIL + 'username = "u"\npassword = "s3cr3t"\nsecurity = "none"\n', "so that the password is not sent"),
        (MAIL + 'security = "ssl"\n', "receivers[0].security: Input should be 'starttls', 'tls' or 'none'"),
        ("receivers = 3\n", "receivers:"),
        (HOOK + ROUTE.replace('"ops"', '"no"'), "routes[0].receivers: 'no' is not a receiver; expected one of: ops"),
        (HOOK + MEMBERS + ROUTE.replace('"ops"', '"am"'), "routes[0].receivers: 'am' is an Alertmanager"),
        (HOOK + ROUTE.replace('["ops"]', "[]"), "routes[0].receivers: Tuple should have at least 1 item"),
        (HOOK + ROUTE.replace('"critical"', '"=~("'), "routes[0].match: severity: '(' is not a regular expression"),
        (HOOK + ROUTE + "go_on = true\n", "routes[0].go_on: unknown key"),
        ("[alerting]\nrepeat = 1\n", "alerting.repeat: unknown key"),
        ('[alerting]\ngroup_wait = "soon"\n', "alerting.group_wait: 'soon' is not a duration"),
        ('[alerting]\ngroup_wait = { high = "1s" }\n', "alerting.group_wait: 'high' is not a severity"),
        ('[alerting]\nrepeat_interval = "1s"\n', "alerting: repeat_interval: expected at least group_interval"),
        ('[alerting]\nwatchdog_url = "s3cr3t"\n', "alerting: watchdog_url: it is not a URL"),
        ('[alerting]\nwatchdog_method = "PUT"\n', "alerting.watchdog_method:"),
        ('[console]\nurl = "console:8501"\n', "console.url: it is not a URL; expected http://host"),
        ('[alerting]\ngrafana_url = "grafana:3000"\n', "alerting.grafana_url: it is not a URL"),
        (ONCE + 'days = ["mon"]\n', "maintenance[0]: days: expected together with start and end"),
        (ONCE.replace("until", "end"), "maintenance[0].end: expected a time of the day"),
        (ONCE.replace("T02", "T00"), "maintenance[0]: until: expected a time after from"),
        (ONCE.replace("Z", ""), "maintenance[0].from: it has no offset from UTC"),
        (WEEKLY.replace("sat", "saturday"), "maintenance[0].days[0]:"),
        (WEEKLY.replace("22:00", "25:00"), "maintenance[0].start: expected a time of the day, such as '22:00'"),
        (WEEKLY.replace("Berlin", "Bonn"), "maintenance[0].timezone: 'Europe/Bonn' is not a time zone"),
        ('[[maintenance]]\nname = "x"\n', "maintenance[0]: expected from and until, or start and end"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_its_path_and_no_secret(text: str, told: str) -> None:
    said = problems(text)

    assert told in said
    assert "s3cr3t" not in said
    assert "12345" not in said


def test_mistakes_of_all_parts_are_told_at_once() -> None:
    said = problems(
        HOOK.replace("url", "uri") + MAIL.replace("c@d.org", "c") + "[alerting]\nx = 1\n" + ONCE + "y = 1\n"
    )

    assert all(path in said for path in ("receivers[0].uri", "receivers[1].to[0]", "alerting.x", "maintenance[0].y"))


def test_links_lead_to_where_people_reach_the_console_else_to_where_it_listens() -> None:
    assert parse('[console]\nurl = "https://eda.example.org/"\n').console.reached_at == "https://eda.example.org/"
    assert parse('[console]\nlisten = "127.0.0.1:9000"\n').console.reached_at == "http://127.0.0.1:9000"


def test_rules_are_exported_with_links_to_where_people_reach_console_and_grafana(tmp_path: Path) -> None:
    file = tmp_path / "eda-monitor.toml"
    file.write_text('[console]\nurl = "https://eda"\n[alerting]\ngrafana_url = "https://grafana"\n')

    into = ["--prometheus", str(tmp_path), "--grafana", str(tmp_path / "grafana.yaml")]
    done = CliRunner().invoke(app, ["export-rules", *into, "--config", str(file)])

    assert done.exit_code == 0, done.output
    rules, of_grafana = (tmp_path / "alerts.yml").read_text(), (tmp_path / "grafana.yaml").read_text()
    assert 'console_url: "https://eda/dead-letters?target={{ $labels.target | urlquery }}&' in rules
    assert 'dashboard_url: "https://grafana/d/eda-monitor?' in rules
    assert '"console_url": "https://eda/dead-letters?target={{ $labels.target | urlquery }}&' in of_grafana
    assert '"dashboard_url": "https://grafana/d/eda-monitor?' in of_grafana


def test_a_secret_is_taken_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from the file\n")

    parse(PAGER.replace('routing_key = "s3cr3t"', f'routing_key_file = "{tmp_path}/key"'))


def test_without_routes_every_receiver_is_told() -> None:
    alerting = parse(HOOK + MAIL + "send_resolved = false\n").alerting

    assert receivers_of(alerting, {"severity": "info"}) == (Receiver("ops"), Receiver("mail", send_resolved=False))


def test_routes_say_who_is_told() -> None:
    alerting = parse(HOOK + MAIL + ROUTE + "continue = true\n" + '[[routes]]\nreceivers = ["mail"]\n').alerting

    assert alerting.routes[0] == Route({"severity": "critical"}, ("ops",), continue_=True)
    assert [one.name for one in receivers_of(alerting, {"severity": "critical"})] == ["ops", "mail"]
    assert [one.name for one in receivers_of(alerting, {"severity": "info"})] == ["mail"]


def test_waits_are_of_all_or_by_severity() -> None:
    plain = parse('[alerting]\ngroup_wait = "30s"\n').alerting
    by_severity = parse('[alerting]\ngroup_wait = { critical = "0s", default = "1m" }\n').alerting

    assert [wait_of(plain, one) for one in ("critical", "info")] == [30, 30]
    assert [wait_of(by_severity, one) for one in ("critical", "info")] == [0, 60]


def test_maintenance_is_once_or_weekly() -> None:
    once, weekly = parse(ONCE + WEEKLY).alerting.windows

    assert once.starts_at == datetime(2030, 1, 1, tzinfo=UTC).timestamp()
    assert once.ends_at == datetime(2030, 1, 1, 2, tzinfo=UTC).timestamp()
    assert (weekly.days, weekly.start, weekly.end, weekly.timezone) == (
        {5, 6}, time(22), time(2), "Europe/Berlin",
    )  # fmt: skip
