"""The whole configuration: components by id, and the kinds of component there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from daemon.config.attributes import AttributesConfig, ResourceConfig
from daemon.config.authentication import BasicAuthConfig, BearerTokenAuthConfig
from daemon.config.batch import BatchConfig
from daemon.config.debug_exporter import DebugExporterConfig
from daemon.config.filter import FilterConfig
from daemon.config.health_check import HealthCheckConfig
from daemon.config.http_api import HttpApiConfig
from daemon.config.keda_scaler import KedaScalerConfig
from daemon.config.memory_limiter import MemoryLimiterConfig
from daemon.config.metricstransform import MetricsTransformConfig
from daemon.config.opencensus import OpenCensusConfig
from daemon.config.otlp import BOTH_PROTOCOLS, OtlpConfig
from daemon.config.otlp_exporter import OtlpExporterConfig, OtlpHttpExporterConfig
from daemon.config.prometheus_exporter import PrometheusExporterConfig
from daemon.config.prometheus_receiver import PrometheusReceiverConfig
from daemon.config.prometheusremotewrite import PrometheusRemoteWriteConfig
from daemon.config.prometheusremotewrite_exporter import RemoteWriteExporterConfig
from daemon.config.service import ServiceConfig
from daemon.config.snapshot import SnapshotConfig
from daemon.config.transform import TransformConfig
from daemon.config.windows import WindowsConfig

ReceiverConfig = (
    OpenCensusConfig | OtlpConfig | PrometheusReceiverConfig | PrometheusRemoteWriteConfig
)
ProcessorConfig = (
    FilterConfig
    | TransformConfig
    | AttributesConfig
    | ResourceConfig
    | MetricsTransformConfig
    | BatchConfig
    | MemoryLimiterConfig
)
ExporterConfig = (
    WindowsConfig
    | OtlpExporterConfig
    | OtlpHttpExporterConfig
    | RemoteWriteExporterConfig
    | PrometheusExporterConfig
    | DebugExporterConfig
)
AuthenticatorConfig = BearerTokenAuthConfig | BasicAuthConfig
"""Extensions that listen to nobody: they decide who is served by others."""
ExtensionConfig = (
    KedaScalerConfig | HttpApiConfig | HealthCheckConfig | SnapshotConfig | AuthenticatorConfig
)
ComponentConfig = ReceiverConfig | ProcessorConfig | ExporterConfig | ExtensionConfig

COMPONENTS: Mapping[str, Mapping[str, type[ComponentConfig]]] = MappingProxyType(
    {
        "receivers": {
            "opencensus": OpenCensusConfig,
            "otlp": OtlpConfig,
            "prometheus": PrometheusReceiverConfig,
            "prometheusremotewrite": PrometheusRemoteWriteConfig,
        },
        "processors": {
            "filter": FilterConfig,
            "transform": TransformConfig,
            "attributes": AttributesConfig,
            "resource": ResourceConfig,
            "metricstransform": MetricsTransformConfig,
            "batch": BatchConfig,
            "memory_limiter": MemoryLimiterConfig,
        },
        "exporters": {
            "windows": WindowsConfig,
            "otlp": OtlpExporterConfig,
            "otlp_grpc": OtlpExporterConfig,
            "otlphttp": OtlpHttpExporterConfig,
            "otlp_http": OtlpHttpExporterConfig,
            "prometheusremotewrite": RemoteWriteExporterConfig,
            "prometheus": PrometheusExporterConfig,
            "debug": DebugExporterConfig,
        },
        "extensions": {
            "keda_scaler": KedaScalerConfig,
            "http_api": HttpApiConfig,
            "health_check": HealthCheckConfig,
            "snapshot": SnapshotConfig,
            "bearertokenauth": BearerTokenAuthConfig,
            "basicauth": BasicAuthConfig,
        },
    }
)
"""Section -> component type -> its settings: everything this release has."""

DEFAULT_COMPONENTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "receivers": ("opencensus", "otlp"),
        "processors": (),
        "exporters": ("windows",),
        "extensions": ("keda_scaler", "http_api", "health_check"),
    }
)
"""What a section that is absent stands for (DESIGN 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A checked configuration: components by id (`type` or `type/name`), and what of them runs."""

    receivers: Mapping[str, ReceiverConfig]
    processors: Mapping[str, ProcessorConfig]
    exporters: Mapping[str, ExporterConfig]
    extensions: Mapping[str, ExtensionConfig]
    service: ServiceConfig

    @property
    def named_queries(self) -> Mapping[str, Mapping[str, str]]:
        """The queries that triggers may refer to, by name."""
        for extension in self.extensions.values():
            if isinstance(extension, KedaScalerConfig):
                return extension.queries
        return {}


def built_in(section: str, kind: str) -> ComponentConfig:
    """Return the settings of a component that nobody has written."""
    if (section, kind) == ("receivers", "otlp"):
        return BOTH_PROTOCOLS
    return COMPONENTS[section][kind]()  # type: ignore[call-arg]  # of those that need nothing


def component_type(component_id: str) -> str:
    """Return the type of a component: `filter` for `filter/dapr`."""
    return component_id.partition("/")[0]
