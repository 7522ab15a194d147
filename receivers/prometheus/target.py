"""A target: what it is called, when it is scraped, what is done with its labels; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from receivers.consumer import Sender
from receivers.model import Resource

PROTOCOL = "prometheus"
JOB, INSTANCE = "job", "instance"
_SERVICE = {JOB: "service.name", INSTANCE: "service.instance.id"}
_OWN_HOSTS = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "::1", "::", ""})  # noqa: S104  compared with
_MAX_IDENTITY_CHARACTERS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a page may hold; 0 is no limit. A page beyond them is none, as in Prometheus."""

    samples: int = 0
    labels: int = 0
    """Of one sample, those of the target too."""
    label_name_characters: int = 0
    label_value_characters: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is scraped, and how often; its URL is the fetcher's."""

    job: str
    instance: str
    address: str
    """host:port that is asked; `instance` is the same unless the operator says otherwise."""
    scheme: str = "http"
    path: str = "/metrics"
    labels: Mapping[str, str] = field(default_factory=dict)
    """Those that the operator adds."""
    interval_ms: int = 60_000
    timeout_ms: int = 10_000
    """How long a page may take to come."""
    honor_labels: bool = False
    """Labels of the page win over those of the target."""
    honor_timestamps: bool = True
    """Samples keep the time that the page gives them."""
    track_timestamps_staleness: bool = False
    """Such samples end too when they are on the page no more."""
    limits: Limits = field(default_factory=Limits)

    @property
    def name(self) -> str:
        """What the log calls it: the URL without its query, which may hold secrets."""
        return f"{self.scheme}://{self.address}{self.path}"

    @property
    def sender(self) -> Sender:
        """Who speaks on the pages of this target."""
        return Sender(PROTOCOL, self._identity(""))

    @property
    def observer(self) -> Sender:
        """Who tells `up` and the like: tallyd itself, which is there while the target is down."""
        return Sender(PROTOCOL, self._identity("scrape of "))

    def phase_ms(self, now_ms: int) -> int:
        """Return the time until the first scrape: targets are spread over the interval, each always at its place."""
        digest = hashlib.blake2b(self._identity("").encode(), digest_size=8).digest()
        return (int.from_bytes(digest) - now_ms) % self.interval_ms

    def _identity(self, prefix: str) -> str:
        labels = {JOB: self.job, INSTANCE: self.instance, **self.labels}
        told = ",".join(f"{name}={value!r}" for name, value in sorted(labels.items()))
        identity = f"{prefix}{self.name}{{{told}}}"
        if len(identity) > _MAX_IDENTITY_CHARACTERS:
            return f"{prefix}sha256={hashlib.sha256(identity.encode()).hexdigest()}"
        return identity


def resource_of(job: str, instance: str, scheme: str) -> Resource:
    """Return the resource of what is scraped as `job` and `instance`, with the collector's attributes."""
    host, colon, port = instance.rpartition(":")
    if not colon or not port.isdigit():
        host, port = instance, ""
    host = host.strip("[]")
    attributes = {_SERVICE[JOB]: job, _SERVICE[INSTANCE]: instance}
    if host not in _OWN_HOSTS:
        attributes["server.address"] = host
    attributes |= {"server.port": port, "url.scheme": scheme}
    return Resource(attributes={key: value for key, value in attributes.items() if value})
