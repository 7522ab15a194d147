"""Who may send and ask: bearer tokens and users with passwords, from files that are read again when they change."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import os
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from daemon.config.authentication import BasicAuthConfig, BearerTokenAuthConfig

if TYPE_CHECKING:
    from passlib.apache import HtpasswdFile

log = structlog.get_logger(__name__)

MAX_VERIFIED: Final = 10_000
"""Pairs of user and password that were found right: a bcrypt hash costs 50 ms, which no report should."""
MAX_CREDENTIALS_BYTES: Final = 8_192
AUTHORIZATION: Final = "authorization"


class AuthenticationError(OSError):
    """A file of tokens or users that cannot be read at start; the text names it."""


class Authenticator(Protocol):
    """Decides by a request's headers."""

    challenge: str
    """What a client is told to send: the value of WWW-Authenticate."""

    async def refusal(self, headers: Mapping[str, str]) -> str | None:
        """Return why the request is not served, or None if it is; header names are in lower case."""


def build_authenticator(
    component_id: str, config: BearerTokenAuthConfig | BasicAuthConfig
) -> Authenticator:
    """Return the extension `component_id`.

    Raises:
        AuthenticationError: its file cannot be read, or holds nobody.
    """
    if isinstance(config, BearerTokenAuthConfig):
        return BearerTokens(config, component_id)
    return BasicUsers(config, component_id)


class BearerTokens:
    """Serves whoever shows one of the tokens."""

    def __init__(self, config: BearerTokenAuthConfig, where: str) -> None:
        """Read the file, if there is one; `where` is the extension's id.

        Raises:
            AuthenticationError: it cannot be read, or holds no token.
        """
        self._header = config.header.lower()
        self._scheme = f"{config.scheme} " if config.scheme else ""
        self._file = None if config.filename is None else _File(config.filename, where)
        written = config.tokens if config.token is None else (config.token,)
        self._tokens = _digests(written)
        if self._file is not None:
            self._tokens = _digests(self._file.text.split())
        if not self._tokens:
            raise AuthenticationError(f"{where}: {config.filename} holds no token")
        self.challenge = config.scheme or "Bearer"

    async def refusal(self, headers: Mapping[str, str]) -> str | None:
        """Return why, or None; every token is compared, in a time that tells nothing of them."""
        if self._file is not None and self._file.changed():
            self._tokens = _digests(self._file.text.split()) or self._tokens
        shown = headers.get(self._header)
        if shown is None:
            return f"expected a token in the header {self._header}"
        if len(shown) > MAX_CREDENTIALS_BYTES or not shown.startswith(self._scheme):
            return f"expected the header {self._header} to hold '{self._scheme}<token>'"
        digest = _digest(shown.removeprefix(self._scheme))
        matches = [hmac.compare_digest(digest, one) for one in self._tokens]
        return None if any(matches) else "the token is not one of those known here"


class BasicUsers:
    """Serves whoever shows a user of an htpasswd file and the password."""

    challenge = 'Basic realm="tallyd"'

    def __init__(self, config: BasicAuthConfig, where: str) -> None:
        """Read the file, if there is one; `where` is the extension's id.

        Raises:
            AuthenticationError: it cannot be read, or the users cannot.
        """
        self._inline = config.htpasswd.inline or ""
        self._file = None if config.htpasswd.file is None else _File(config.htpasswd.file, where)
        self._verified: OrderedDict[bytes, None] = OrderedDict()
        self._turn = asyncio.Lock()
        try:
            self._users = self._read()
        except ValueError as error:
            raise AuthenticationError(f"{where}: expected lines of user:hash: {error}") from error

    async def refusal(self, headers: Mapping[str, str]) -> str | None:
        """Return why, or None; a pair that was right before is known again without its hash."""
        if self._file is not None and self._file.changed():
            self._reread()
        pair = _parse_basic(headers.get(AUTHORIZATION, ""))
        if pair is None:
            return "expected a user and a password in the header authorization"
        digest = _digest("\0".join(pair))
        if digest in self._verified:
            self._verified.move_to_end(digest)
            return None
        users = self._users
        # bcrypt lets go of the interpreter while it computes; one at a time, or guesses would take every core.
        async with self._turn:
            is_right = await asyncio.to_thread(_is_right, users, *pair)
        if not is_right:
            return "no such user, or not the password"
        if users is self._users:  # and was not changed meanwhile
            self._verified[digest] = None
            if len(self._verified) > MAX_VERIFIED:
                self._verified.popitem(last=False)
        return None

    def _reread(self) -> None:
        try:
            self._users = self._read()
        except ValueError as error:
            log.warning("users cannot be read, the old ones stay", error=str(error))
            return
        self._verified.clear()

    def _read(self) -> HtpasswdFile:
        from passlib.apache import HtpasswdFile  # noqa: PLC0415  only who has users pays for it

        text = self._file.text if self._file is not None else ""
        lines = [*self._inline.splitlines(), *text.splitlines()]
        # Of a user that stands there twice the first counts, and what is inline comes first.
        return HtpasswdFile.from_string("\n".join(line for line in lines if line.strip()) + "\n")


class _File:
    """The text of a file that may change."""

    def __init__(self, path: str, where: str) -> None:
        self._path = path
        self._stamp = self._now()
        try:
            self.text = Path(path).read_text()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or error
            raise AuthenticationError(f"{where}: cannot read {path}: {why}") from error

    def changed(self) -> bool:
        """Return whether `text` is another than before; a file that is gone or unreadable changes nothing."""
        stamp = self._now()
        if stamp is None or stamp == self._stamp:
            return False
        try:
            text = Path(self._path).read_text()
        except (OSError, UnicodeDecodeError):
            return False
        self._stamp, self.text = stamp, text
        return True

    def _now(self) -> tuple[int, ...] | None:
        try:
            found = os.stat(self._path)  # noqa: PTH116  follows links, and that is the point
        except OSError:
            return None
        return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _is_right(users: HtpasswdFile, user: str, password: str) -> bool:
    try:
        return bool(users.check_password(user, password))
    except ValueError:  # a name that no user can have
        return False


def _parse_basic(header: str) -> tuple[str, str] | None:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic" or len(encoded) > MAX_CREDENTIALS_BYTES:
        return None
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    user, colon, password = text.partition(":")
    return (user, password) if colon and user and "\0" not in password else None


def _digests(tokens: tuple[str, ...] | list[str]) -> tuple[bytes, ...]:
    return tuple(_digest(token) for token in tokens if token)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()
