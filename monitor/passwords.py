"""Files of passwords: lines `user:hash`, the hash made by scrypt (RFC 7914) and written in the PHC string format."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass

#: Cost as OWASP recommends it: 32 MiB of memory and about a quarter of a second.
LOG2_N, BLOCK, PARALLEL = 15, 8, 3
SALT_BYTES, HASH_BYTES = 16, 32

_LINE = re.compile(r"([^:]+):\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)")


class PasswordFileError(ValueError):
    """A line of the file cannot be read. The message names its number, and holds nothing of it."""


@dataclass(frozen=True, slots=True)
class Hashed:
    """A password as it is kept."""

    log2_n: int
    block: int
    parallel: int
    salt: bytes
    hash: bytes

    def is_of(self, password: str) -> bool:
        """Compares in a time that does not depend on the password."""
        return hmac.compare_digest(self.hash, _scrypt(self, password))


def hashed(password: str, salt: bytes | None = None) -> Hashed:
    """With a salt of its own, unless one is given."""
    form = Hashed(LOG2_N, BLOCK, PARALLEL, secrets.token_bytes(SALT_BYTES) if salt is None else salt, bytes(HASH_BYTES))
    return Hashed(form.log2_n, form.block, form.parallel, form.salt, _scrypt(form, password))


def written(user: str, password: Hashed) -> str:
    """The line of a user; raises ValueError where the name cannot stand in one."""
    if not user.strip() or user != user.strip() or not user.isprintable() or user.startswith("#") or ":" in user:
        raise ValueError(f"{user!r} is not a user's name; expected printable text without ':' that # does not begin")
    cost = f"ln={password.log2_n},r={password.block},p={password.parallel}"
    return f"{user}:$scrypt${cost}${_text(password.salt)}${_text(password.hash)}"


def parsed(text: str) -> dict[str, Hashed]:
    """The passwords by user. Empty lines and those that # begins are left out. Raises PasswordFileError."""
    found: dict[str, Hashed] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise PasswordFileError(f"line {number}: expected what `eda-monitor console password USER` prints")
        if match[1] in found:
            raise PasswordFileError(f"line {number}: the user of an earlier line; expected each user once")
        found[match[1]] = _hashed_of(match, number)
    return found


def _hashed_of(match: re.Match[str], number: int) -> Hashed:
    log2_n, block, parallel = int(match[2]), int(match[3]), int(match[4])
    if not (10 <= log2_n <= 20 and 1 <= block <= 32 and 1 <= parallel <= 16):
        raise PasswordFileError(f"line {number}: expected a cost of ln=10 to 20, r=1 to 32 and p=1 to 16")
    try:
        return Hashed(log2_n, block, parallel, _bytes(match[5]), _bytes(match[6]))
    except ValueError:
        raise PasswordFileError(f"line {number}: salt or hash is not base64") from None


def _scrypt(form: Hashed, password: str) -> bytes:
    n = 2**form.log2_n
    return hashlib.scrypt(
        password.encode(), salt=form.salt, n=n, r=form.block, p=form.parallel, dklen=len(form.hash),
        maxmem=128 * form.block * (n + form.parallel + 2) * 2,
    )  # fmt: skip


def _text(value: bytes) -> str:
    """Base64 without padding, as the format wants it."""
    return b64encode(value).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return b64decode(text + "=" * (-len(text) % 4), validate=True)
