"""Certificates of ports: read at start, read again when their files change, without closing a connection."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import structlog

from daemon.config.server_tls import OPENSSL_NAMES, ServerTlsConfig

log = structlog.get_logger(__name__)

_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_Stamp = tuple[object, ...]


class CertificateError(OSError):
    """Files that are no certificate with its key; the text names the files and the settings."""


class Certificates:
    """One port's certificate, its key, and who may be a client; `refresh` is called about once a second.

    What was good stays in force while the files are not: half of a rotation costs no connection. `problem` says what is
    wrong with them meanwhile.
    """

    def __init__(self, config: ServerTlsConfig, where: str) -> None:
        """Read the files; `where` is the key path of the block, for messages.

        Raises:
            CertificateError: they cannot be read, or do not fit together.
        """
        self._config = config
        self._where = where
        self._looked_at_ms = 0
        self.problem: str | None = None
        self._stamp = self._now()
        self._failed: _Stamp | None = None
        self._context, self._pems = self._read()
        self._in_force = self._context
        # Asked at each handshake, whether or not the client names a server: a context cannot forget an authority, so
        # what is read again is another one.
        self._context.sni_callback = self._choose

    @property
    def context(self) -> ssl.SSLContext:
        """For HTTP: always the same; each handshake uses what is in force by then."""
        return self._context

    @property
    def not_after_s(self) -> float:
        """When the certificate expires, in Unix seconds."""
        return _not_after_s(self._pems[1])

    def grpc_credentials(self) -> Any:  # grpc ships no types
        """Return credentials for a gRPC port, which ask at each handshake what is in force."""
        import grpc  # noqa: PLC0415  HTTP ports need none of it

        def configuration() -> Any:
            key, certificate, client_ca = self._pems
            pairs = [(key, certificate)]
            return grpc.ssl_server_certificate_configuration(pairs, root_certificates=client_ca)

        given = self._pems

        def fetch() -> Any:
            nonlocal given
            if given is self._pems:
                return None
            given = self._pems
            return configuration()

        needs_client = self._config.client_ca_file is not None
        return grpc.dynamic_ssl_server_credentials(configuration(), fetch, needs_client)

    def refresh(self, now_ms: int, count: Callable[[str, int], None]) -> None:
        """Read the files again if they have changed; count "success" or "failure", and log either."""
        if now_ms - self._looked_at_ms < self._config.reload_interval:
            return
        self._looked_at_ms = now_ms
        stamp = self._now()
        if stamp == self._stamp:
            self._failed = self.problem = None
        if stamp in (self._stamp, self._failed):
            return
        try:
            self._in_force, self._pems = self._read()
        except CertificateError as error:
            self._failed, self.problem = stamp, str(error)
            count("failure", 1)
            log.warning("certificate cannot be read, the old one stays", error=str(error))
            return
        self._stamp, self._failed, self.problem = stamp, None, None
        count("success", 1)
        log.info("certificate read again", at=self._where)

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: object) -> None:
        connection.context = self._in_force

    def _read(self) -> tuple[ssl.SSLContext, tuple[bytes, bytes, bytes | None]]:
        """Return a context that holds the files, and key, certificate and client authorities."""
        config, context = self._config, _build_context(self._config)
        try:
            context.load_cert_chain(config.cert_file, config.key_file, password=_no_password)
            if config.client_ca_file is not None:
                context.load_verify_locations(config.client_ca_file)
                context.verify_mode = ssl.CERT_REQUIRED
            key, certificate = Path(config.key_file), Path(config.cert_file)
            client_ca = config.client_ca_file
            authorities = None if client_ca is None else Path(client_ca).read_bytes()
            pems = (key.read_bytes(), certificate.read_bytes(), authorities)
        except OSError as error:  # SSLError is one
            files = ", ".join(f"{name} {path}" for name, path in self._files())
            why = error.strerror if isinstance(error, FileNotFoundError) else str(error)
            raise CertificateError(f"{self._where}: cannot use {files}: {why}") from error
        return context, pems

    def _files(self) -> Iterator[tuple[str, str]]:
        for name in ("cert_file", "key_file", "client_ca_file"):
            path = getattr(self._config, name)
            if path is not None:
                yield name, path

    def _now(self) -> _Stamp:
        """Return what changes with the files; a link that leads elsewhere is a change, as cert-manager makes it."""
        stamps: list[object] = []
        for _, path in self._files():
            try:
                found = os.stat(path)  # noqa: PTH116  follows links, and that is the point
            except OSError:
                stamps.append(None)
            else:
                stamps.append((found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size))
        return tuple(stamps)


def _build_context(config: ServerTlsConfig) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[config.min_version]
    if config.cipher_suites:
        context.set_ciphers(":".join(OPENSSL_NAMES[suite] for suite in config.cipher_suites))
    if config.client_ca_file is not None:
        # A resumed session would not be asked for its certificate again, whoever may be a client by then.
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
    return context


def _no_password() -> str:
    raise CertificateError("the key has a password: expected one without")


def _not_after_s(pem: bytes) -> float:
    from cryptography import x509  # noqa: PLC0415  only who has TLS pays for it

    return x509.load_pem_x509_certificate(pem).not_valid_after_utc.timestamp()
