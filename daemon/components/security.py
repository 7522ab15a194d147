"""The locks of the ports: certificates, and who may send and ask; read at start, read again when files change."""

from __future__ import annotations

import ssl
from collections.abc import Container, Iterator, Mapping
from typing import Any, NamedTuple

import structlog

from daemon.authentication import Authenticator, build_authenticator
from daemon.certificates import Certificates
from daemon.clock import Clock
from daemon.config.authentication import AuthConfig
from daemon.config.ports import authenticators_of
from daemon.config.schema import Config
from daemon.config.server_tls import ServerTlsConfig
from daemon.telemetry import Counters, SelfMetrics
from receivers.guard import Guard
from receivers.otlp.once import OncePerPeer

log = structlog.get_logger(__name__)


class Lock(NamedTuple):
    """What stands before one port; nothing where the port is open to all."""

    certificates: Certificates | None
    guard: Guard | None

    @property
    def context(self) -> ssl.SSLContext | None:
        """For an HTTP port."""
        return None if self.certificates is None else self.certificates.context

    @property
    def credentials(self) -> Any:  # grpc ships no types
        """For a gRPC port."""
        return None if self.certificates is None else self.certificates.grpc_credentials()


class Security:
    """All locks of one tallyd."""

    def __init__(self, config: Config, metrics: SelfMetrics, clock: Clock) -> None:
        """Read the files of those who decide who is served.

        Raises:
            AuthenticationError: one cannot be read.
        """
        self._clock = clock
        self._authenticators = {
            name: build_authenticator(name, one) for name, one in authenticators_of(config).items()
        }
        self._certificates: dict[str, Certificates] = {}
        self._reloads = metrics.counters(
            "tallyd_certificate_reloads", "Certificates whose files had changed", label="result"
        )
        self._refused = metrics.counters(
            "tallyd_unauthenticated", "Requests without right credentials", label="component"
        )
        metrics.gauges(
            "tallyd_certificate_expiry_timestamp_seconds",
            "When the certificate of a port expires, in Unix seconds",
            self._expiries,
        )

    @property
    def certificates(self) -> Mapping[str, Certificates]:
        """Those of the ports that speak TLS, by the port's key path."""
        return self._certificates

    def lock(self, name: str, tls: ServerTlsConfig | None, auth: AuthConfig | None = None) -> Lock:
        """Return the lock of the port with the key path `name`.

        Raises:
            CertificateError: its certificate cannot be read.
        """
        certificates = None if tls is None else Certificates(tls, f"{name}.tls")
        if certificates is not None:
            self._certificates[name] = certificates
        guard = None
        if auth is not None:
            authenticator = self._authenticators[auth.authenticator]
            guard = _CountingGuard(name, authenticator, self._refused, self._clock)
        return Lock(certificates, guard)

    def keep_exporters(self, running: Container[str]) -> None:
        """Look no more at the files of exporters that are closed: `running` has the ids of the others."""
        for name in [*self._certificates]:
            section, _, component_id = name.partition(".")
            if section == "exporters" and component_id not in running:
                del self._certificates[name]

    def refresh(self) -> None:
        """Read again what has changed; called about once a second."""
        now_ms = self._clock()
        for one in self._certificates.values():
            one.refresh(now_ms, self._reloads)

    def _expiries(self) -> Iterator[tuple[dict[str, str], float]]:
        for name, one in self._certificates.items():
            yield {"component": name}, one.not_after_s


class _CountingGuard:
    """An authenticator at one port, which counts whom it turns away and tells once who it was."""

    def __init__(
        self, name: str, authenticator: Authenticator, count: Counters, clock: Clock
    ) -> None:
        self.challenge = authenticator.challenge
        self._name = name
        self._authenticator = authenticator
        self._count = count
        self._clock = clock
        self._told = OncePerPeer()

    async def refusal(self, headers: Mapping[str, str], peer: str) -> str | None:
        """Return why `peer` is not served, or None."""
        why = await self._authenticator.refusal(headers)
        if why is not None:
            self._count(self._name, 1)
            if self._told.is_due(peer, self._clock()):
                log.warning("refused for its credentials", at=self._name, peer=peer, reason=why)
        return why
