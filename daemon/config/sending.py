"""Settings that all exporters share which send to a backend: TLS, headers, compression, retries, queue (otlp.md 5.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal
from urllib.parse import urlsplit

from daemon.config.fields import Count, DurationMs, SizeMiB, rejected, shown
from daemon.config.markers import AfterValidator, BeforeValidator, Field, PlainSerializer

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*\Z")


class Sizer(StrEnum):
    """What `queue_size` counts."""

    REQUESTS = "requests"
    ITEMS = "items"
    """Data points."""
    BYTES = "bytes"


def refuse(why: str) -> BeforeValidator:
    """Return the validator of a setting of the collector that tallyd does not have; unset and false are fine."""

    def check(value: object) -> object:
        if value in (None, False, ""):
            return None
        raise rejected(why)

    return BeforeValidator(check)


def parse_url(value: object) -> str:
    """Return an http or https URL as written.

    Raises:
        RejectedError: it is none.
    """
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        good = parts is not None and parts.scheme in {"http", "https"} and bool(parts.hostname)
        good = good and parts is not None and parts.port != 0
    except ValueError:
        good = False
    if not good:
        hint = ""
        if isinstance(value, str) and value and "://" not in value:
            hint = f"; write 'http://{value}' or 'https://{value}'"
        raise rejected(f"expected a URL such as http://host:4318, got {shown(value)}{hint}")
    return str(value)


def _check_headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not _HEADER_NAME.match(name):
            raise rejected(f"expected the name of a header, got {shown(name)}")
        if not _HEADER_VALUE.match(value):
            raise rejected(f"the value of the header {name} holds a character that none may hold")
    return headers


def _redacted(headers: dict[str, str]) -> dict[str, str]:
    return dict.fromkeys(headers, "[REDACTED]")


def without_userinfo(url: str) -> str:
    """Return `url` without the name and password that it may hold."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


Url = Annotated[str, BeforeValidator(parse_url), PlainSerializer(without_userinfo)]
"""An http or https URL; name and password in it are never shown."""

Headers = Annotated[
    dict[str, str],
    AfterValidator(_check_headers),
    PlainSerializer(_redacted),
]
"""Headers sent along; their values are secrets and are never shown."""

NoAuth = Annotated[None, refuse("tallyd has no authenticators for clients; send a header instead")]
"""`auth`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTlsConfig:
    """How a backend is trusted: `tls`."""

    insecure: bool = False
    """No TLS, where the endpoint does not say https."""
    insecure_skip_verify: bool = False
    """TLS without looking at the backend's certificate."""
    ca_file: str | None = None
    """Certificates that vouch for the backend's; the machine's own without it."""
    cert_file: str | None = None
    """Our certificate, for backends that ask for one."""
    key_file: str | None = None
    server_name_override: str | None = None
    """The name in the backend's certificate, where it is not that in the endpoint."""
    min_version: Literal["1.0", "1.1", "1.2", "1.3"] = "1.2"
    include_system_ca_certs_pool: bool = False
    """Trust the machine's certificates besides `ca_file`."""
    reload_interval: Annotated[
        None, refuse("tallyd reads certificates at its start: remove this key")
    ] = None

    def __post_init__(self) -> None:
        """Check that certificate and key come together."""
        if (self.cert_file is None) != (self.key_file is None):
            raise rejected("cert_file and key_file go together: one of them is missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryConfig:
    """What happens to a request that a backend did not take for now: `retry_on_failure`."""

    enabled: bool = True
    initial_interval: DurationMs = 5_000
    """The pause before the second attempt."""
    randomization_factor: Annotated[float, Field(ge=0, le=1)] = 0.5
    multiplier: Annotated[float, Field(ge=1, le=1000)] = 1.5
    """By how much each pause is longer than the one before."""
    max_interval: DurationMs = 30_000
    max_elapsed_time: DurationMs = 300_000
    """After how long a request is given up; 0 is never."""

    def __post_init__(self) -> None:
        """Check that a request is not given up before its second attempt."""
        if self.max_elapsed_time and self.max_elapsed_time < self.initial_interval:
            raise rejected("expected max_elapsed_time not to be below initial_interval")
        if self.max_elapsed_time and self.max_elapsed_time < self.max_interval:
            raise rejected("expected max_elapsed_time not to be below max_interval")


_DROPS_OLDEST = "a full queue drops its oldest request: senders never wait for a backend"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueConfig:
    """Requests that wait for the backend: `sending_queue`."""

    enabled: bool = True
    """Without a queue one request per consumer is sent, and one may wait."""
    num_consumers: Annotated[int, Field(ge=1, le=1000)] = 10
    """Requests under way at once."""
    queue_size: Count = 1000
    """Requests that wait or are under way; at the limit the oldest is dropped."""
    sizer: Sizer = Sizer.REQUESTS
    """What `queue_size` counts: requests, items (data points) or bytes."""
    max_size_mib: SizeMiB = 64
    """The same limit in bytes, whatever `sizer` is: tallyd's own."""
    block_on_overflow: Annotated[None, refuse(_DROPS_OLDEST)] = None
    wait_for_result: Annotated[None, refuse("senders never wait for a backend")] = None
    storage: Annotated[None, refuse("tallyd keeps queues in memory only")] = None
    batch: Annotated[None, refuse("requests that wait are sent together without it: remove it")] = (
        None
    )

    @property
    def capacity(self) -> int:
        """How much may wait or be under way, in units of `sizer`."""
        if self.enabled:
            return self.queue_size
        return self.num_consumers if self.sizer is Sizer.REQUESTS else 1
