"""Certificates as cert-manager lays them into a folder, and clients that trust them."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import trustme

from daemon.config.server_tls import ServerTlsConfig

EXPIRES = datetime(2090, 1, 1, tzinfo=UTC)


class Files:
    """A folder with a certificate for localhost, its key and its authority, behind a link that a rotation swaps."""

    def __init__(self, folder: Path, expires: datetime = EXPIRES) -> None:
        self._folder = folder
        self._version = 0
        self._expires = expires
        self.authority = trustme.CA()
        self.client_authority = self.authority
        self.link = folder / "..data"
        self.rotate()

    def rotate(self) -> None:
        """Swap the link to new files; each certificate expires a day later than the one before."""
        self._version += 1
        folder = self._folder / f"v{self._version}"
        folder.mkdir()
        issued = self.authority.issue_cert("localhost", not_after=self.expires)
        issued.cert_chain_pems[0].write_to_path(folder / "tls.crt")
        issued.private_key_pem.write_to_path(folder / "tls.key")
        self.client_authority.cert_pem.write_to_path(folder / "ca.crt")
        new = self._folder / "..new"
        new.symlink_to(folder)
        new.replace(self.link)

    @property
    def expires(self) -> datetime:
        """When the certificate that lies there expires."""
        return self._expires + timedelta(self._version)

    def settings(self, **more: object) -> dict[str, object]:
        """Return a block `tls` that names the files."""
        return {"cert_file": f"{self.link}/tls.crt", "key_file": f"{self.link}/tls.key", **more}

    def config(self, **more: object) -> ServerTlsConfig:
        """Return the same, checked."""
        return ServerTlsConfig(**self.settings(**more))  # type: ignore[arg-type]  # as a test likes

    @property
    def client_ca(self) -> dict[str, object]:
        """Settings that ask clients for a certificate."""
        return {"client_ca_file": f"{self.link}/ca.crt"}

    def client(self, *, certificate: bool = False) -> ssl.SSLContext:
        """Return a client's side that trusts the authority."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        if certificate:
            self.client_authority.issue_cert("client").configure_cert(context)
        return context

    def credentials(self, *, certificate: bool = False) -> grpc.ChannelCredentials:
        """Return the same for gRPC."""
        roots = self.authority.cert_pem.bytes()
        if not certificate:
            return grpc.ssl_channel_credentials(roots)
        issued = self.client_authority.issue_cert("client")
        key, chain = issued.private_key_pem.bytes(), issued.cert_chain_pems[0].bytes()
        return grpc.ssl_channel_credentials(roots, key, chain)
