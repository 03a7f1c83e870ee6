"""What AWS and its SDK answer when they refuse, in words that say what to do. No message holds a secret."""

from __future__ import annotations

import re
from typing import Any

from botocore import exceptions as b
from botocore.parsers import ResponseParserError

#: Services whose actions are called otherwise in a policy than their client is.
_PREFIXES = {"eventbridgev2": "events"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_UNKNOWN_KEY = {"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "AuthFailure"}
_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "UnauthorizedOperation",
}
_THROTTLED = {
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestLimitExceeded",
    "LimitExceededException",
}
_SKEWED = {"RequestTimeTooSkewed", "RequestInTheFuture"}
_UNSIGNED = {"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature"}
_OF_TIME = re.compile(r"signature (expired|not yet current)", re.I)
_KEY_ID = re.compile(r"\b[A-Z0-9]{4}(?<=AKIA|ASIA|AIDA|AROA)[A-Z0-9]{12,}\b")


class AwsError(Exception):
    """A request that brought nothing. `action` is what a policy calls it, `code` what AWS calls the failure."""

    def __init__(self, message: str, action: str = "", code: str = "") -> None:
        super().__init__(message)
        self.action, self.code = action, code

    @property
    def denied(self) -> bool:
        """Whether a permission is missing."""
        return self.code in _DENIED

    @property
    def throttled(self) -> bool:
        return self.code in _THROTTLED

    @property
    def of_all(self) -> bool:
        """Whether every other request would fail the same: no credentials, a wrong clock, nobody there."""
        return not self.code or self.code in _EXPIRED | _UNKNOWN_KEY | _SKEWED | _UNSIGNED


class OutOfTimeError(Exception):
    """The deadline of the collect has passed: nothing more is sent."""


def action(service: str, operation: str) -> str:
    """What a policy calls an operation of a client: `sqs:ListQueues`."""
    return f"{_PREFIXES.get(service, service)}:{operation}"


def explained(error: Exception, called: str, where: str) -> AwsError:
    """The error of the request `called` (an action), sent to `where` (a region or an address)."""
    if isinstance(error, AwsError):
        return error
    if isinstance(error, OutOfTimeError):
        return AwsError(f"{called} was not asked for: no time was left", called)
    if isinstance(error, b.ClientError):
        told = error.response.get("Error", {})
        code = str(told.get("Code", ""))
        return AwsError(_refused(called, code, told), called, code or "unknown")
    return AwsError(_unsent(error, called, where), called)


def _refused(called: str, code: str, told: dict[str, Any]) -> str:
    said = str(told.get("Message") or "")
    if code in _EXPIRED:
        return f"{called}: the credentials have expired; renew them, such as by `aws sso login`"
    if code in _SKEWED or (code in _UNSIGNED and _OF_TIME.search(said)):
        return f"{called}: the clock of this machine is not that of AWS ({code}); set it by NTP"
    if code in _UNKNOWN_KEY:
        return f"{called}: AWS does not know these credentials ({code}); is it the right profile, and the right region?"
    if code in _UNSIGNED:
        return f"{called}: the signature does not fit ({code}); is the secret key the right one?"
    if code in _DENIED:
        return f"not allowed: the policy needs {called}{_because(said)}"
    if code in _THROTTLED:
        return f"{called} is throttled ({code}), and was so when asked again"
    return f"{called} answered {code}{_because(said)}"


def _unsent(error: Exception, called: str, where: str) -> str:
    match error:
        case b.NoCredentialsError() | b.PartialCredentialsError():
            return f"{called}: no credentials found; set profile, AWS_ACCESS_KEY_ID, or a role for this machine"
        case b.SSOError() | b.TokenRetrievalError():
            return f"{called}: the sign-in (SSO) has ended; run `aws sso login`"
        case b.CredentialRetrievalError():
            return f"{called}: the credentials could not be had from {error.kwargs.get('provider', 'their source')}"
        case b.NoRegionError():
            return f"{called}: no region is known; set region"
        case b.ConnectTimeoutError() | b.ReadTimeoutError():
            return f"{called}: {where} did not answer in time"
        case b.SSLError():
            return f"{called}: the certificate of {where} cannot be verified"
        case b.EndpointConnectionError() | b.HTTPClientError() | b.ConnectionError():
            return f"{called}: {where} cannot be reached"
        case ResponseParserError():
            return f"{called}: {where} answered something that is not understood; is it AWS?"
    return f"{called}: {type(error).__name__}"


def _because(said: str) -> str:
    text = _KEY_ID.sub("<key id>", " ".join(said.split()))[:200]
    return f": {text}" if text else ""
