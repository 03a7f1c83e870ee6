"""Tokens for SASL/OAUTHBEARER: from a file that something else keeps fresh, or by the client credentials flow."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from kafka.errors import SaslAuthenticationFailedError
from kafka.net.sasl.oauth import AbstractTokenProvider

#: A token is asked for anew when this share of its life is over.
REFRESH = 0.8
TIMEOUT_SECONDS = 5.0


class FileToken(AbstractTokenProvider):  # type: ignore[misc]
    """The token in a file, such as a projected service account token of Kubernetes; read at every login."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def token(self) -> str:
        try:
            return self._file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SaslAuthenticationFailedError(f"the token file {self._file}: {error.strerror}") from None


class ClientCredentials(AbstractTokenProvider):  # type: ignore[misc]
    """Tokens by the client credentials grant (RFC 6749, section 4.4), kept as long as they are fresh."""

    def __init__(
        self, url: str, client_id: str, secret: str, scope: str | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._url, self._id, self._secret, self._scope, self._clock = url, client_id, secret, scope, clock
        self._token, self._fresh_until = "", 0.0

    def token(self) -> str:
        if self._clock() >= self._fresh_until:
            self._token, life = self._ask()
            self._fresh_until = self._clock() + life * REFRESH
        return self._token

    def _ask(self) -> tuple[str, float]:
        form = {"grant_type": "client_credentials", "client_id": self._id, "client_secret": self._secret}
        body = urllib.parse.urlencode(form | ({"scope": self._scope} if self._scope else {})).encode()
        try:
            with urllib.request.urlopen(self._url, body, TIMEOUT_SECONDS) as answer:
                said = json.load(answer)
            return str(said["access_token"]), float(said.get("expires_in", 300))
        except urllib.error.HTTPError as error:
            raise SaslAuthenticationFailedError(f"{self._url} gives no token: HTTP status {error.code}") from None
        except (OSError, ValueError, KeyError) as error:
            raise SaslAuthenticationFailedError(f"{self._url} gives no token: {type(error).__name__}") from None
