"""Mail, against a server of SMTP: encrypted, signed in, and harmless whatever the names are."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from receiving import a_notification, an_alert, made, self_signed
from test_texts import HOSTILE

from monitor.alerts.notifiers import NotifyError

KEY = "00112233445566778899aabbccddeeff"


class Mailbox:
    """Keeps what it is sent; answers with these codes first."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.envelopes = list(answers), list[Envelope]()
        self.refused: set[str] = set()

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Envelope, address: str, options: Any
    ) -> str:
        if address in self.refused:
            return "550 nobody of this name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        if self.answers:
            return self.answers.pop(0)
        self.envelopes.append(envelope)
        return "250 OK"

    @property
    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(bytes(one.content), policy=default) for one in self.envelopes]  # type: ignore[arg-type, misc]


class Controlled(Controller):
    def _trigger_server(self) -> None:
        """A connection and no greeting: a TLS server has none in the clear."""
        socket.create_connection((self.hostname, self.port), timeout=5).close()


Serve = Callable[..., int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    running: list[Controller] = []

    def start(mailbox: Mailbox, **settings: Any) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        running.append(Controlled(mailbox, hostname="127.0.0.1", port=port, **settings))
        running[-1].start()
        return port

    yield start
    for one in running:
        one.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for 127.0.0.1 that signed itself."""
    folder = tmp_path_factory.mktemp("smtp")
    self_signed(folder)
    return folder


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    return context


def mail(port: int, message: Any = None, **settings: Any) -> str:
    given = {
        "host": "127.0.0.1", "port": port, "security": "none", "sender": "eda@example.org", "to": ["ops@example.org"],
        "timeout": 5, **settings,
    }  # fmt: skip
    return made("email", **given).send(message or a_notification(), KEY)


def test_a_mail_says_it_in_plain_text_and_in_html(serve: Serve) -> None:
    port = serve(box := Mailbox())

    assert mail(port) == f"127.0.0.1:{port} took the message for 1 of 1"

    (one,) = box.mails
    plain, html = (one.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    assert "Destination: orders.dlq" in plain.get_content()
    assert "Threshold: above 0" in plain.get_content()
    assert '<a href="http://console/now?at=1">' in html.get_content()
    assert one["Subject"] == "FIRING: 3 new dead letters in orders.dlq"
    assert (one["From"], one["To"], one["Auto-Submitted"]) == ("eda@example.org", "ops@example.org", "auto-generated")


def test_a_mail_sent_twice_has_one_id_and_all_of_a_group_stand_in_one_thread(serve: Serve) -> None:
    port = serve(box := Mailbox())
    for message in (a_notification(), a_notification(an_alert("resolved"))):
        mail(port, message)

    first, second = box.mails
    assert first["Message-ID"] == second["Message-ID"] == f"<{KEY}@example.org>"
    assert first["References"] == second["References"]


def test_no_name_adds_a_header_a_recipient_or_markup(serve: Serve) -> None:
    port = serve(box := Mailbox())
    mail(port, a_notification(an_alert(summary=HOSTILE, destination=HOSTILE, alertname=HOSTILE), group=HOSTILE))

    (one,), (envelope,) = box.mails, box.envelopes
    html = one.get_body(("html",))
    assert html is not None
    assert "Bcc" not in one
    assert envelope.rcpt_tos == ["ops@example.org"]
    assert "<script>" not in html.get_content()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html.get_content()


def test_over_starttls_the_mail_is_encrypted_and_signed_in(
    serve: Serve, tls: ssl.SSLContext, certificate: Path
) -> None:
    logins: list[LoginPassword] = []

    def login(server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
        logins.append(data)
        return AuthResult(success=data.password == b"hunter2", handled=False)

    port = serve(
        box := Mailbox(), tls_context=tls, require_starttls=True, auth_require_tls=True, authenticator=login,
        auth_required=True,
    )  # fmt: skip
    settings = {"security": "starttls", "username": "eda", "ssl_cafile": str(certificate / "cert.pem")}

    mail(port, **settings, password="hunter2")

    assert len(box.mails) == 1
    assert (logins[0].login, logins[0].password) == (b"eda", b"hunter2")
    with pytest.raises(NotifyError, match=r"answered 535$") as caught:
        mail(port, **settings, password="wrong-one")
    assert caught.value.permanent


def test_over_tls_it_is_encrypted_from_the_start(serve: Serve, tls: ssl.SSLContext, certificate: Path) -> None:
    port = serve(box := Mailbox(), ssl_context=tls)

    mail(port, security="tls", ssl_cafile=str(certificate / "cert.pem"))

    assert len(box.mails) == 1


def test_a_server_of_an_unknown_authority_is_sent_nothing(serve: Serve, tls: ssl.SSLContext) -> None:
    port = serve(box := Mailbox(), tls_context=tls)

    with pytest.raises(NotifyError, match="encrypted connection failed: CERTIFICATE_VERIFY_FAILED"):
        mail(port, security="starttls")

    assert box.mails == []


def test_a_server_without_starttls_is_sent_nothing_in_the_clear(serve: Serve) -> None:
    port = serve(box := Mailbox())

    with pytest.raises(NotifyError, match="does not offer what security") as caught:
        mail(port, security="starttls")

    assert caught.value.permanent
    assert box.mails == []


@pytest.mark.parametrize(("answer", "permanent"), [("451 try later", False), ("554 no", True)])
def test_an_answer_says_whether_to_try_again(serve: Serve, answer: str, permanent: bool) -> None:
    port = serve(box := Mailbox(answer))

    with pytest.raises(NotifyError, match=f"127.0.0.1:{port} answered {answer[:3]}") as caught:
        mail(port)

    assert caught.value.permanent is permanent
    mail(port)
    assert len(box.mails) == 1


def test_one_refused_address_does_not_keep_the_others_from_being_told(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    port = serve(box := Mailbox())
    box.refused = {"gone@example.org"}

    assert mail(port, to=["gone@example.org", "ops@example.org"]).endswith("1 of 2")

    assert box.envelopes[0].rcpt_tos == ["ops@example.org"]
    assert "refused the address gone@example.org" in caplog.text


def test_when_every_address_is_refused_the_message_is(serve: Serve) -> None:
    port = serve(box := Mailbox())
    box.refused = {"ops@example.org"}

    with pytest.raises(NotifyError, match=r"refused every address \(550\)") as caught:
        mail(port)

    assert caught.value.permanent


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(NotifyError, match=r"127\.0\.0\.1:1: ConnectionRefusedError: it cannot be reached"):
        mail(1)


def test_a_server_that_says_nothing_costs_no_more_than_its_timeout() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(NotifyError, match=r"did not answer within 0\.2 s"):
            mail(silent.getsockname()[1], timeout=0.2)
