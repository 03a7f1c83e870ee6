"""Electronic mail over SMTP, as plain text and as HTML."""

from __future__ import annotations

import hashlib
import logging
import smtplib
import ssl
import time
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from monitor.alerts.messages import AlertMessage, Notification
from monitor.alerts.notifiers.base import CaFile, NotifyError, ReceiverSettings, check_secret, secret
from monitor.alerts.notifiers.texts import OPENS, advice, cut, facts, headline, links, more, one_line, plain, title

log = logging.getLogger("eda_monitor")

SUBJECT, BODY, ALERTS = 200, 100_000, 50
COLOURS = {"firing": "#b42318", "resolved": "#067647"}
LABEL = "color:#667085;padding-right:1em;white-space:nowrap"


def _is_address(value: str) -> str:
    try:
        address = Address(addr_spec=value)
    except (ValueError, IndexError, TypeError):
        address = Address()
    if not address.username or not address.domain or value != one_line(value):
        raise ValueError(f"{value!r} is not an address; expected name@host, without a display name")
    return value


MailAddress = Annotated[str, AfterValidator(_is_address)]


class EmailSettings(ReceiverSettings):
    host: Annotated[str, Field(min_length=1)]
    #: By default 587, with security "tls" 465, with "none" 25.
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    #: "starttls" begins in the clear and goes on encrypted, or not at all; "tls" is encrypted from the start.
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: MailAddress
    to: Annotated[tuple[MailAddress, ...], Field(min_length=1)]
    username: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    password_env: str | None = None
    ssl_cafile: CaFile = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        check_secret(self, "password", required=self.username is not None)
        if self.username is None and (self.password or self.password_file or self.password_env):
            raise ValueError("expected username together with password")
        if self.username is not None and self.security == "none":
            raise ValueError("security: expected starttls or tls, so that the password is not sent in the clear")
        return self

    @property
    def port_used(self) -> int:
        return self.port or {"starttls": 587, "tls": 465, "none": 25}[self.security]


class EmailNotifier:
    Settings: ClassVar[type[ReceiverSettings]] = EmailSettings
    holds_open: ClassVar[bool] = False

    def __init__(self, settings: EmailSettings) -> None:
        self._settings = settings

    def send(self, notification: Notification, key: str) -> str:
        """Taken as sent when the server took it for one of the addresses; those it refused are logged."""
        where = f"{self._settings.host}:{self._settings.port_used}"
        try:
            refused = self._send(message(notification, key, self._settings, time.time()))
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise NotifyError(f"{where} refused every address ({codes[0]})", min(codes) >= 500) from None
        except smtplib.SMTPResponseException as error:
            raise NotifyError(f"{where} answered {error.smtp_code}", error.smtp_code >= 500) from None
        except smtplib.SMTPNotSupportedError:
            raise NotifyError(f"{where} does not offer what security or username ask for", permanent=True) from None
        except TimeoutError:
            raise NotifyError(f"{where} did not answer within {self._settings.timeout:g} s") from None
        except ssl.SSLError as error:
            raise NotifyError(f"{where}: the encrypted connection failed: {error.reason or 'SSLError'}") from None
        except smtplib.SMTPServerDisconnected as error:
            late = isinstance(error.__context__, TimeoutError)
            what = f"did not answer within {self._settings.timeout:g} s" if late else "closed the connection"
            raise NotifyError(f"{where} {what}") from None
        except (OSError, smtplib.SMTPException) as error:
            raise NotifyError(f"{where}: {type(error).__name__}: it cannot be reached") from None
        for address in refused:
            log.warning("receiver %s: %s refused the address %s", self._settings.name, where, address)
        return f"{where} took the message for {len(self._settings.to) - len(refused)} of {len(self._settings.to)}"

    def _send(self, mail: EmailMessage) -> dict[str, tuple[int, bytes]]:
        settings = self._settings
        context = ssl.create_default_context(cafile=settings.ssl_cafile)
        if settings.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port_used, timeout=settings.timeout, context=context
            )
        else:
            server = smtplib.SMTP(settings.host, settings.port_used, timeout=settings.timeout)
        with server:
            if settings.security == "starttls":
                server.starttls(context=context)
            if settings.username is not None:
                server.login(settings.username, secret(settings, "password"))
            return server.send_message(mail)


def message(notification: Notification, key: str, settings: EmailSettings, now: float) -> EmailMessage:
    """The mail. All mails of a group of alerts stand in one thread."""
    domain = settings.sender.rpartition("@")[2]
    thread = hashlib.sha256(notification.group_key.encode("utf-8", "replace")).hexdigest()[:32]
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = cut(one_line(title(notification)), SUBJECT)
    mail["From"], mail["To"] = settings.sender, ", ".join(settings.to)
    mail["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    mail["Message-ID"] = f"<{key}@{domain}>"
    mail["References"] = f"<{thread}.group@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(plain(notification, BODY))
    mail.add_alternative(html(notification), subtype="html")
    return mail


def html(notification: Notification) -> str:
    shown = notification.alerts[:ALERTS]
    left = len(notification.alerts) - len(shown) + notification.truncated
    parts = [_alert(alert, notification) for alert in shown]
    parts += [f"<p>{more(left)}</p>"] if left else []
    body = "".join(parts)
    return f'<!doctype html><html><body style="font-family:sans-serif">{body}</body></html>'


def _alert(alert: AlertMessage, notification: Notification) -> str:
    colour = COLOURS.get(alert.status, "#444")
    rows = "".join(
        f'<tr style="vertical-align:top"><td style="{LABEL}">{escape(word)}</td>'
        f'<td style="word-break:break-word">{escape(text)}</td></tr>'
        for word, text in facts(alert)
    )
    what = escape(advice(alert)).replace("\n", "<br>")
    linked = " · ".join(f'<a href="{escape(url)}">{OPENS[word]}</a>' for word, url in links(alert, notification))
    return (
        f'<h3 style="color:{colour}">{escape(alert.status.upper())}: {escape(headline(alert))}</h3>'
        f"<table>{rows}</table>"
        + (f'<p style="word-break:break-word">{what}</p>' if what else "")
        + (f"<p>{linked}</p>" if linked else "")
    )
