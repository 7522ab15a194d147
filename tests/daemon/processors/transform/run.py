"""Runs a transform that a YAML text configures."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field

import yaml
from structlog.testing import capture_logs

from daemon.config.errors import ConfigError
from daemon.config.transform import TransformConfig
from daemon.config.validation import validate
from daemon.processors.transform import Transform, build_transform
from receivers.consumer import Batch, Consumer
from receivers.errors import PermanentError
from receivers.model import DataPoint, HistogramDataPoint, NumberDataPoint
from tests.support.consumers import NopConsumer, SinkConsumer


@dataclass
class Outcome:
    """What came out of one batch: each metric as `name[points]`, a point as `value{attributes}`."""

    metrics: list[str]
    batch: Batch | None = None
    error: str = ""
    logged: list[str] = field(default_factory=list)


def load(configuration: str) -> TransformConfig:
    mistakes: list[ConfigError] = []
    config = validate(TransformConfig, yaml.safe_load(textwrap.dedent(configuration)), (), mistakes)
    if config is None:
        raise ExceptionGroup("mistakes", mistakes)
    return config


def build(configuration: str, sink: Consumer) -> Transform:
    return build_transform("transform/test", load(configuration), sink, clock=lambda: 0.0)


def mistakes(configuration: str) -> list[ConfigError]:
    """Return what building says; what the shape refuses is raised as a group by `load`."""
    try:
        build(configuration, NopConsumer())
    except ConfigError as error:
        return [error]
    except ExceptionGroup as group:
        return [error for error in group.exceptions if isinstance(error, ConfigError)]
    return []


def run(configuration: str, batch: Batch) -> Outcome:
    sink, error = SinkConsumer(), ""
    with capture_logs() as logs:
        try:
            build(configuration, sink).consume(batch)
        except PermanentError as refused:
            error = str(refused)
    out = sink.batches[0] if sink.batches else None
    return Outcome(written(out) if out else [], out, error, [line["event"] for line in logs])


def written(batch: Batch) -> list[str]:
    return [
        f"{metric.header.name}[{' '.join(map(_point, metric.data_points))}]"
        for group in batch.resource_metrics
        for scoped in group.scope_metrics
        for metric in scoped.metrics
    ]


def _point(point: DataPoint) -> str:
    attributes = ",".join(f"{key}=" + str(value) for key, value in point.attributes.items())
    if isinstance(point, NumberDataPoint):
        return f"{point.value}{{{attributes}}}"
    counts = point.bucket_counts if isinstance(point, HistogramDataPoint) else ""
    return f"{point.count}/{point.sum}{counts}{{{attributes}}}"
