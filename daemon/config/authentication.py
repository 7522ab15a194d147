"""Settings of who may send and ask: the collector's `bearertokenauth` and `basicauth`, and `auth` of what listens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from daemon.config.fields import rejected
from daemon.config.markers import AfterValidator, PlainSerializer


def _redacted(_secret: object) -> str:
    return "[REDACTED]"


def _all_redacted(secrets: tuple[str, ...]) -> list[str]:
    return ["[REDACTED]"] * len(secrets)


Secret = Annotated[str, PlainSerializer(_redacted)]
"""Never shown."""
Secrets = Annotated[tuple[str, ...], PlainSerializer(_all_redacted)]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthConfig:
    """What users write below `auth` of a receiver's protocol or an extension."""

    authenticator: str
    """Id of the extension that decides: `bearertokenauth` or `basicauth`, with a name if it has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BearerTokenAuthConfig:
    """What users write below `extensions.bearertokenauth`; one of token, tokens and filename."""

    scheme: str = "Bearer"
    """Stands before the token; empty for the token alone."""
    header: str = "Authorization"
    token: Secret | None = None
    tokens: Secrets = ()
    filename: str | None = None
    """A file with a token on each line, read again when it changes."""

    def __post_init__(self) -> None:
        """Refuse none and several of them."""
        given = [self.token is not None, bool(self.tokens), self.filename is not None]
        if sum(given) != 1:
            raise rejected("expected one of token, tokens and filename")


@dataclass(frozen=True, slots=True, kw_only=True)
class HtpasswdConfig:
    """Users and their hashed passwords; of a user that is in both, the one inline counts."""

    file: str | None = None
    """As the program htpasswd writes it, read again when it changes."""
    inline: Secret | None = None

    def __post_init__(self) -> None:
        """Refuse neither."""
        if self.file is None and self.inline is None:
            raise rejected("expected file or inline")


def _parse_client_auth(written: Mapping[str, str] | None) -> None:
    if written is not None:
        raise rejected("is for sending: tallyd asks others with their exporters' headers")


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicAuthConfig:
    """What users write below `extensions.basicauth`."""

    htpasswd: HtpasswdConfig
    client_auth: Annotated[Mapping[str, str] | None, AfterValidator(_parse_client_auth)] = None
