"""What is known of metric families, for `/api/v1/metadata`: from senders' headers and from remote writers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from receivers.model import MetricHeader, MetricType
from receivers.prometheusremotewrite.decode import FamilyMetadata

_TYPES = MappingProxyType(
    {
        MetricType.GAUGE: "gauge",
        MetricType.HISTOGRAM: "histogram",
        MetricType.EXPONENTIAL_HISTOGRAM: "histogram",
        MetricType.SUMMARY: "summary",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A metric family as Prometheus describes it."""

    type: str
    help: str
    unit: str


def describe_families(
    headers: Mapping[str, MetricHeader], written: Mapping[str, FamilyMetadata]
) -> dict[str, Family]:
    """Return every family by name, as remote writers describe it where they do."""
    families = {
        name: Family(type=_type(header), help=header.description, unit=header.unit)
        for name, header in headers.items()
    }
    for name, one in written.items():
        families[name] = Family(type=one.type, help=one.help, unit=one.unit)
    return families


def _type(header: MetricHeader) -> str:
    if header.type is MetricType.SUM:
        return "counter" if header.is_monotonic else "gauge"
    return _TYPES.get(header.type, "unknown")
