"""Who asks for a page: told by the proxy's header, or by the cookie of somebody who signed in with a password.

The gate asks this of every request, and a page of its own connection before it writes: the answer changes when a
cookie runs out or a user is taken from the file. Users of an identity provider are known to Streamlit alone.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from itsdangerous import BadSignature, URLSafeTimedSerializer

from monitor.access import AuthSettings
from monitor.alerts.notifiers.base import secret
from monitor.passwords import Hashed, PasswordFileError, hashed, parsed

COOKIE = "eda_monitor_session"


class PasswordFile:
    """The users of a file as it stands now. While it cannot be read, nobody is known."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[object, dict[str, Hashed]] = (None, {})
        self._nobody = hashed("")

    def users(self) -> dict[str, Hashed]:
        try:
            stat = self._path.stat()
            version = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if version != self._read[0]:
                self._read = version, parsed(self._path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, PasswordFileError):
            self._read = None, {}
        return self._read[1]

    def admits(self, user: str, password: str) -> bool:
        """Takes as long for a user who is not there."""
        known = self.users().get(user)
        return (known or self._nobody).is_of(password) and known is not None


class Identity:
    """Who somebody is, by what they bring with a request. Kept for the life of the console."""

    def __init__(self, settings: AuthSettings) -> None:
        self.settings = settings
        self.passwords = PasswordFile(settings.password_file.path) if settings.password_file else None
        key = secret(settings, "cookie_secret") or secrets.token_hex(32)
        self._signer = URLSafeTimedSerializer(key, salt=COOKIE, signer_kwargs={"digest_method": hashlib.sha256})

    def user_of(self, headers: Sequence[str], peer: str | None, cookies: Mapping[str, str]) -> str | None:
        """The user, by all values of the proxy's header, the peer that sent them, and the cookies."""
        if self.settings.header is not None:
            return self.settings.header.user_of(headers, peer)
        return None if self.passwords is None else self._user_of_cookie(cookies.get(COOKIE, ""))

    def cookie_of(self, user: str) -> str:
        """What the browser of somebody is given who has signed in."""
        return self._signer.dumps([user, self._mark(user)])

    def _user_of_cookie(self, cookie: str) -> str | None:
        try:
            user, mark = self._signer.loads(cookie, max_age=round(self.settings.session))
        except (BadSignature, TypeError, ValueError):
            return None
        return user if mark and mark == self._mark(user) else None

    def _mark(self, user: str) -> str:
        """It changes with the user's password; "" where there is no such user."""
        assert self.passwords is not None
        known = self.passwords.users().get(user)
        return hashlib.sha256(known.salt + known.hash).hexdigest()[:16] if known else ""
