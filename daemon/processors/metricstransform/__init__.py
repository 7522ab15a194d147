"""The metricstransform processor: renames, copies, combines and aggregates metrics (otlp.md 4.3)."""

from __future__ import annotations

from daemon.processors.metricstransform.build import build_metricstransform
from daemon.processors.metricstransform.processor import MetricsTransform

__all__ = ["MetricsTransform", "build_metricstransform"]
