"""How targets are asked: who asks, and whom it trusts, in Prometheus' own words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from daemon.config.fields import rejected
from daemon.config.markers import PlainSerializer
from daemon.config.sending import ClientTlsConfig, refuse

Secret = Annotated[str, PlainSerializer(lambda _: "[REDACTED]")]
"""Never shown."""

_VERSIONS: Final[dict[str, Literal["1.0", "1.1", "1.2", "1.3"]]] = {
    "TLS10": "1.0",
    "TLS11": "1.1",
    "TLS12": "1.2",
    "TLS13": "1.3",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicAuthConfig:
    """`basic_auth`; files are read before each scrape."""

    username: str = ""
    username_file: str | None = None
    password: Secret = ""
    password_file: str | None = None

    def __post_init__(self) -> None:
        """Check that each is given in one way."""
        if self.username and self.username_file:
            raise rejected("expected one of username and username_file")
        if self.password and self.password_file:
            raise rejected("expected one of password and password_file")


@dataclass(frozen=True, slots=True, kw_only=True)
class BearerConfig:
    """`authorization`; a file is read before each scrape."""

    type: str = "Bearer"
    credentials: Secret = ""
    credentials_file: str | None = None

    def __post_init__(self) -> None:
        """Check that credentials are given, in one way."""
        if bool(self.credentials) == bool(self.credentials_file):
            raise rejected("expected one of credentials and credentials_file")
        if self.type.lower() == "basic":
            raise rejected("for the type Basic there is basic_auth")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapeTlsConfig:
    """`tls_config`: whom an https target is trusted to be."""

    ca_file: str | None = None
    """Certificates that vouch for the target's; the machine's own without it."""
    cert_file: str | None = None
    """Our certificate, for targets that ask for one."""
    key_file: str | None = None
    server_name: str | None = None
    """The name in the target's certificate, where it is not its address."""
    insecure_skip_verify: bool = False
    min_version: Literal["TLS10", "TLS11", "TLS12", "TLS13"] = "TLS12"
    max_version: Annotated[None, refuse("tallyd sets no upper bound: remove this key")] = None

    def __post_init__(self) -> None:
        """Check that certificate and key come together."""
        if (self.cert_file is None) != (self.key_file is None):
            raise rejected("cert_file and key_file go together: one of them is missing")

    def as_client(self) -> ClientTlsConfig:
        """Return the same in the words of the exporters."""
        return ClientTlsConfig(
            ca_file=self.ca_file,
            cert_file=self.cert_file,
            key_file=self.key_file,
            server_name_override=self.server_name,
            insecure_skip_verify=self.insecure_skip_verify,
            min_version=_VERSIONS[self.min_version],
        )
