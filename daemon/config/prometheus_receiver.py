"""Settings of the scraping receiver: `receivers.prometheus`, whose `config` is Prometheus' own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

from daemon.config.fields import CountOrNone, DurationMs, rejected, shown
from daemon.config.markers import AfterValidator, BeforeValidator, PlainSerializer
from daemon.config.scrape_access import BasicAuthConfig, BearerConfig, ScrapeTlsConfig, Secret
from daemon.config.sending import refuse

DEFAULT_INTERVAL_MS = 60_000
DEFAULT_TIMEOUT_MS = 10_000
DEFAULT_BODY_BYTES = 16 * 1024 * 1024
MAX_BODY_BYTES = 1024 * 1024 * 1024

_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[^\[\]:/\s@?#]+)(:(?P<port>[0-9]{1,5}))?\Z")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
_SIZE = re.compile(r"(?P<number>[0-9]+(\.[0-9]+)?)(?P<unit>[KMGTPE]i?B|B)\Z")
_UNITS = "KMGTPE"

_NO_DISCOVERY = refuse("tallyd discovers no targets: list them in static_configs")
_NO_RELABELLING = refuse(
    "tallyd has no relabelling: write labels into static_configs, and use the processors filter, attributes and transform"
)
_NO_NATIVE = refuse("tallyd asks for text, which carries no native histograms: remove this key")


def _parse_address(value: object) -> str:
    found = _ADDRESS.match(value) if isinstance(value, str) else None
    if found is None or int(found["port"] or 1) not in range(1, 65536):
        hint = ""
        if isinstance(value, str) and "://" in value:
            hint = "; the rest of a URL goes into scheme, metrics_path and params"
        raise rejected(f"expected host:port, got {shown(value)}{hint}")
    return str(value)


def _check_labels(labels: dict[str, str]) -> dict[str, str]:
    for name in labels:
        if not _LABEL.match(name):
            raise rejected(f"expected the name of a label, got {shown(name)}")
        if name.startswith("__"):
            raise rejected(
                f"{name} is for relabelling: use scheme, metrics_path, params, scrape_interval, scrape_timeout"
            )
    return labels


def _parse_size(value: object) -> int:
    """Return the bytes of a size such as 10MB, in powers of 1024 as Prometheus reads it; 0 needs no unit."""
    if value == 0 and not isinstance(value, bool):
        return 0
    found = _SIZE.match(value) if isinstance(value, str) else None
    if found is None:
        raise rejected(f"expected a size such as 10MB, got {shown(value)}")
    size = int(float(found["number"]) * 1024 ** (_UNITS.find(found["unit"][0]) + 1))
    if size > MAX_BODY_BYTES:
        raise rejected(f"expected at most {MAX_BODY_BYTES >> 20}MiB, got {shown(value)}")
    return size


def _parse_path(value: object) -> str:
    if not isinstance(value, str) or not value.startswith("/"):
        raise rejected(f"expected a path such as /metrics, got {shown(value)}")
    return value


def _not_empty(value: str) -> str:
    if not value:
        raise rejected("expected a name, got ''")
    return value


def _positive(value: int) -> int:
    if not value:
        raise rejected("expected more than 0")
    return value


def _hidden(params: dict[str, tuple[str, ...]]) -> dict[str, list[str]]:
    return {name: ["[REDACTED]"] * len(values) for name, values in params.items()}


Interval = Annotated[DurationMs, AfterValidator(_positive)]
Address = Annotated[str, BeforeValidator(_parse_address)]
Labels = Annotated[dict[str, str], AfterValidator(_check_labels)]
Size = Annotated[int, BeforeValidator(_parse_size), PlainSerializer(lambda size: f"{size}B")]
Params = Annotated[dict[str, tuple[str, ...]], PlainSerializer(_hidden)]
"""Their values may be secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticConfig:
    """Targets with labels in common: an entry of `static_configs`."""

    targets: tuple[Address, ...]
    """host:port; without a port that of the scheme."""
    labels: Labels = field(default_factory=dict)
    """`job` and `instance` may be among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapeConfig:
    """Targets that are scraped alike: an entry of `scrape_configs`."""

    job_name: Annotated[str, AfterValidator(_not_empty)]
    static_configs: tuple[StaticConfig, ...] = ()
    scrape_interval: Interval | None = None
    """`global.scrape_interval` without it."""
    scrape_timeout: Interval | None = None
    """`global.scrape_timeout` without it, but no more than the interval."""
    metrics_path: Annotated[str, BeforeValidator(_parse_path)] = "/metrics"
    scheme: Literal["http", "https"] = "http"
    params: Params = field(default_factory=dict)
    honor_labels: bool = False
    """Labels of the page win over those of the target; else they are called `exported_`."""
    honor_timestamps: bool = True
    """Samples keep the time that the page gives them."""
    track_timestamps_staleness: bool = False
    """Such samples end when they are on the page no more."""
    basic_auth: BasicAuthConfig | None = None
    authorization: BearerConfig | None = None
    bearer_token: Secret | None = None
    bearer_token_file: str | None = None
    tls_config: ScrapeTlsConfig = field(default_factory=ScrapeTlsConfig)
    follow_redirects: bool = True
    """Credentials go to the target's own host only."""
    enable_compression: bool = True
    enable_http2: bool = True
    """Without effect: pages are fetched over HTTP/1.1."""
    body_size_limit: Size = 0
    """Of a page, decompressed; 0 is 16MiB."""
    sample_limit: CountOrNone = 0
    label_limit: CountOrNone = 0
    label_name_length_limit: CountOrNone = 0
    label_value_length_limit: CountOrNone = 0
    """A page beyond one of these limits is not taken; 0 is no limit."""
    relabel_configs: Annotated[None, _NO_RELABELLING] = None
    metric_relabel_configs: Annotated[None, _NO_RELABELLING] = None
    scrape_native_histograms: Annotated[None, _NO_NATIVE] = None
    scrape_classic_histograms: Annotated[None, _NO_NATIVE] = None
    azure_sd_configs: Annotated[None, _NO_DISCOVERY] = None
    consul_sd_configs: Annotated[None, _NO_DISCOVERY] = None
    dns_sd_configs: Annotated[None, _NO_DISCOVERY] = None
    docker_sd_configs: Annotated[None, _NO_DISCOVERY] = None
    ec2_sd_configs: Annotated[None, _NO_DISCOVERY] = None
    file_sd_configs: Annotated[None, _NO_DISCOVERY] = None
    gce_sd_configs: Annotated[None, _NO_DISCOVERY] = None
    http_sd_configs: Annotated[None, _NO_DISCOVERY] = None
    kubernetes_sd_configs: Annotated[None, _NO_DISCOVERY] = None

    def __post_init__(self) -> None:
        """Check what needs more than one setting."""
        ways = (self.basic_auth, self.authorization, self.bearer_token, self.bearer_token_file)
        if sum(one is not None for one in ways) > 1:
            raise rejected(
                "expected one of basic_auth, authorization, bearer_token and bearer_token_file"
            )
        if self.scrape_interval and (self.scrape_timeout or 0) > self.scrape_interval:
            raise rejected("expected scrape_timeout not to be above scrape_interval")

    @property
    def max_body_bytes(self) -> int:
        """The limit of a page, the default filled in."""
        return self.body_size_limit or DEFAULT_BODY_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalConfig:
    """`global`: what scrapes have in common."""

    scrape_interval: Interval = DEFAULT_INTERVAL_MS
    scrape_timeout: Interval | None = None
    """10s, but no more than the interval."""
    evaluation_interval: Annotated[None, refuse("tallyd evaluates no rules: remove this key")] = (
        None
    )
    external_labels: Annotated[
        None, refuse("tallyd has none: write labels into static_configs")
    ] = None

    def __post_init__(self) -> None:
        """Check that a scrape is over before the next begins."""
        if (self.scrape_timeout or 0) > self.scrape_interval:
            raise rejected("expected scrape_timeout not to be above scrape_interval")


_NO_FILES = refuse("tallyd reads no other files: write scrape_configs here")


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusConfig:
    """`config`: what of Prometheus' configuration is about scraping."""

    scrape_configs: tuple[ScrapeConfig, ...]
    global_: GlobalConfig = field(default_factory=GlobalConfig)
    scrape_config_files: Annotated[None, _NO_FILES] = None

    def __post_init__(self) -> None:
        """Check that names are used once, and that a timeout fits the interval that it gets."""
        names = [job.job_name for job in self.scrape_configs]
        for name in names:
            if names.count(name) > 1:
                raise rejected(f"there are two scrape_configs with job_name {shown(name)}")
        for job in self.scrape_configs:
            interval_ms = job.scrape_interval or self.global_.scrape_interval
            if (job.scrape_timeout or 0) > interval_ms:
                raise rejected(
                    f"expected scrape_timeout of {shown(job.job_name)} not to be above its scrape_interval"
                )

    def jobs(self) -> Iterator[tuple[ScrapeConfig, int, int]]:
        """Yield each job with its interval and timeout in ms."""
        for job in self.scrape_configs:
            interval_ms = job.scrape_interval or self.global_.scrape_interval
            timeout_ms = job.scrape_timeout or self.global_.scrape_timeout or DEFAULT_TIMEOUT_MS
            yield job, interval_ms, min(timeout_ms, interval_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusReceiverConfig:
    """What users write below `receivers.prometheus`."""

    config: PrometheusConfig
