"""How an account is reached: credentials, deadlines, counts, and what is said of failures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest
from aws import ENVIRONMENT, REGION, SECRET, account, settings
from botocore.stub import Stubber
from moto import mock_aws
from pydantic import ValidationError
from recorded import send

from collectors.aws.account import Account, Call
from collectors.aws.arn import Arn, parsed
from collectors.aws.cost import Part, an_hour, findings
from collectors.aws.cycle import Cycle
from collectors.aws.errors import AwsError
from collectors.base import CollectError, Reading
from monitor import config


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def moto() -> Iterator[None]:
    with mock_aws():
        yield


@pytest.mark.usefixtures("moto")
def test_requests_are_counted_and_their_actions_are_known() -> None:
    found = account()

    found.call("sqs", "ListQueues")
    found.call("events", "ListEventBuses")
    found.call("logs", "DescribeLogGroups")

    assert found.requests == 3
    assert found.actions == {"sqs:ListQueues", "events:ListEventBuses", "logs:DescribeLogGroups"}
    found.close()


@pytest.mark.usefixtures("moto")
def test_all_pages_of_a_list_are_read() -> None:
    sns = boto3.client("sns", REGION)
    for number in range(230):
        sns.create_topic(Name=f"t{number}")

    assert len([topic for page in account().pages("sns", "ListTopics") for topic in page["Topics"]]) == 230


@pytest.mark.usefixtures("moto")
def test_answers_come_in_the_order_of_their_requests_and_one_that_fails_fails_alone() -> None:
    urls = [boto3.client("sqs", REGION).create_queue(QueueName=f"q{n}")["QueueUrl"] for n in range(20)]
    urls[7] = urls[7].replace("q7", "gone")

    answers = list(
        account().together(Call("sqs", "GetQueueAttributes", {"QueueUrl": u, "AttributeNames": ["All"]}) for u in urls)
    )

    assert isinstance(answers[7], AwsError)
    assert "NonExistentQueue" in str(answers[7]) or "QueueDoesNotExist" in str(answers[7])
    names = [a["Attributes"]["QueueArn"].rpartition(":")[2] for a in answers if not isinstance(a, AwsError)]
    assert names == [f"q{n}" for n in range(20) if n != 7]


@pytest.mark.usefixtures("moto")
def test_a_role_is_taken_on_and_its_credentials_are_used() -> None:
    found = account(role_arn="arn:aws:iam::210987654321:role/watcher", external_id="shop")

    assert found.call("sts", "GetCallerIdentity")["Arn"].startswith("arn:aws:sts::210987654321:assumed-role/watcher/")
    assert found.actions == {"sts:AssumeRole", "sts:GetCallerIdentity"}


@pytest.mark.usefixtures("moto")
def test_after_the_deadline_nothing_is_sent() -> None:
    found = account()
    found.begin(time.monotonic())

    with pytest.raises(AwsError, match=r"sqs:ListQueues was not asked for: no time was left"):
        found.call("sqs", "ListQueues")
    assert found.requests == 0


@pytest.mark.parametrize(
    ("service", "operation", "code", "message", "said"),
    [
        ("sqs", "ListQueues", "ExpiredToken", "x", "sqs:ListQueues: the credentials have expired; renew them"),
        ("sqs", "ListQueues", "AccessDenied", "no", "not allowed: the policy needs sqs:ListQueues: no"),
        ("sns", "ListTopics", "AuthorizationError", "", "not allowed: the policy needs sns:ListTopics"),
        ("sqs", "ListQueues", "RequestTimeTooSkewed", "x", "the clock of this machine is not that of AWS"),
        ("sqs", "ListQueues", "SignatureDoesNotMatch", "Signature expired: 2026", "the clock of this machine"),
        ("sqs", "ListQueues", "SignatureDoesNotMatch", f"canonical {SECRET}", "is the secret key the right one?"),
        ("sqs", "ListQueues", "InvalidClientTokenId", "x", "AWS does not know these credentials"),
        ("sqs", "ListQueues", "ThrottlingException", "x", "sqs:ListQueues is throttled (ThrottlingException)"),
        ("sqs", "ListQueues", "Odd", "of AKIAIOSFODNN7EXAMPLE", "sqs:ListQueues answered Odd: of <key id>"),
    ],
)
def test_a_refusal_says_what_to_do(service: str, operation: str, code: str, message: str, said: str) -> None:
    found = account()
    with Stubber(found.client(service)) as stub:
        stub.add_client_error("list_queues" if service == "sqs" else "list_topics", code, message)
        with pytest.raises(AwsError) as caught:
            found.call(service, operation)

    assert said in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.code == code


def test_no_credentials_are_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(AwsError, match="no credentials found; set profile"):
        account().call("sqs", "ListQueues")


def test_no_credentials_to_take_on_a_role_with_are_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(AwsError, match="no credentials found; set profile"):
        account(role_arn="arn:aws:iam::210987654321:role/watcher").call("sqs", "ListQueues")


def test_no_region_is_told_as_such() -> None:
    with pytest.raises(AwsError, match="no region is known; set region"):
        account(region=None).call("sqs", "ListQueues")


def test_a_profile_that_is_not_there_is_told_as_such() -> None:
    with pytest.raises(CollectError, match=r"cannot use the profile 'nobody'"):
        Account(settings(profile="nobody"))


def test_an_address_where_nobody_is_is_told_as_such() -> None:
    found = account(endpoint_url="http://127.0.0.1:9", timeout="3s")

    with pytest.raises(AwsError, match=r"sqs:ListQueues: http://127.0.0.1:9 cannot be reached"):
        found.call("sqs", "ListQueues")
    assert found.requests == 3


def test_what_fails_for_many_things_alike_is_told_once() -> None:
    one = Cycle(account(), Reading(), time.monotonic() - 1)
    calls = [(f"queue {n}", Call("sqs", "GetQueueAttributes", {"QueueUrl": "http://x/1/q"})) for n in range(3)]

    assert list(one.answered(calls)) == []
    assert [error.part for error in one.reading.errors] == ["queue 0 and 2 others"]


@pytest.mark.parametrize(("service", "operation"), [("sqs", "ListQueues"), ("sns", "ListTopics")])
def test_an_answer_that_is_not_of_aws_is_said_to_be_so(service: str, operation: str) -> None:
    class Login(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            send(self, 200, "<html>Please sign in<br></html>", "text/html")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Login)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"

    with pytest.raises(AwsError, match=rf"{service}:{operation}: {url} answered something that is not understood"):
        account(endpoint_url=url).call(service, operation)

    server.shutdown()
    server.server_close()


def test_an_arn_is_taken_apart() -> None:
    assert parsed("arn:aws:events:eu-west-1:123456789012:rule/bus/r") == Arn(
        "aws", "events", "eu-west-1", "123456789012", "rule/bus/r"
    )
    assert parsed("arn:aws:lambda:eu-west-1:123456789012:function:f").name == "f"  # type: ignore[union-attr]
    assert parsed("https://example.org") is None


def test_the_cost_of_a_month_is_told_by_part() -> None:
    told = list(findings([Part("metrics of CloudWatch", an_hour(1, 60), 0.01 / 1000), Part("free", 100, 0.0)]))

    assert [one.what for one in told] == [
        "reading it costs about $0.44 a month, at list prices of us-east-1",
        "$0.44 of it: metrics of CloudWatch, 60 an hour",
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"endpoint_url": "localhost"}, "'localhost' is not a URL"),
        (
            {"endpoint_url": f"http://me:{SECRET}@host"},
            "no login belongs into the URL; expected profile or the environment",
        ),
        ({"role_arn": "watcher"}, "'watcher' is not a role"),
        ({"external_id": "x"}, "expected role_arn too"),
    ],
)
def test_settings_that_do_not_fit_say_so(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as caught:
        settings(**options)
    assert SECRET not in str(caught.value)


def test_a_kind_without_its_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(kind: str) -> Any:
        raise ModuleNotFoundError(name="boto3")

    monkeypatch.setattr(config, "collector_class", missing)
    monkeypatch.setitem(config.KINDS, "sqs", "collectors.sqs:SqsCollector")

    with pytest.raises(config.ConfigError, match=r"needs the module boto3: pip install 'eda-monitor\[aws\]'"):
        config.parse('[[targets]]\nname = "shop"\nkind = "sqs"\n', source="x", folder=Path())
