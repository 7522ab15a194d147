"""Settings of TLS on a port: the collector's `tls` block of a receiver or an extension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from daemon.config.fields import DurationMs, rejected
from daemon.config.markers import AfterValidator

TlsVersion = Literal["1.2", "1.3"]

_KEY_EXCHANGES: Final = {"ECDHE_RSA": "ECDHE-RSA-", "ECDHE_ECDSA": "ECDHE-ECDSA-", "RSA": ""}
_CIPHERS: Final = {
    "AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "AES_128_CBC_SHA": "AES128-SHA",
    "AES_256_CBC_SHA": "AES256-SHA",
    "CHACHA20_POLY1305_SHA256": "CHACHA20-POLY1305",
    "CHACHA20_POLY1305": "CHACHA20-POLY1305",
}
OPENSSL_NAMES: Final = {
    f"TLS_{exchange}_WITH_{cipher}": f"{prefix}{name}"
    for exchange, prefix in _KEY_EXCHANGES.items()
    for cipher, name in _CIPHERS.items()
    if exchange != "RSA" or not cipher.startswith("CHACHA20")
}
"""Cipher suites of TLS 1.2 by the collector's names, and as OpenSSL calls them; those of TLS 1.3 are always on."""


def _parse_suites(suites: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [suite for suite in suites if suite not in OPENSSL_NAMES]
    if unknown:
        raise rejected(
            f"no cipher suite {', '.join(unknown)}; there are {', '.join(OPENSSL_NAMES)}"
        )
    return suites


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTlsConfig:
    """What users write below `tls` of something that listens."""

    cert_file: str
    """PEM: the certificate, and those of the authorities between it and the root."""
    key_file: str
    """PEM, without a password."""
    client_ca_file: str | None = None
    """PEM: whoever connects must show a certificate that one of these authorities has signed."""
    min_version: TlsVersion = "1.2"
    cipher_suites: Annotated[tuple[str, ...], AfterValidator(_parse_suites)] = ()
    """Of TLS 1.2, by the collector's names; without any the library's own choice."""
    reload_interval: DurationMs = 10_000
    """How often the files are looked at; what has changed holds for the next connection."""
