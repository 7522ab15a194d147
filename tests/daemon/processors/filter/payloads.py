"""The batches that ottl.md 7.3 filters, and the notation it writes results in."""

from __future__ import annotations

from receivers.consumer import Batch, Sender
from receivers.model import (
    AnyValue,
    DataPoint,
    HistogramDataPoint,
    Metric,
    MetricHeader,
    MetricType,
    NumberDataPoint,
    Resource,
    ResourceMetrics,
    Scope,
    ScopeMetrics,
)

SENDER = Sender("test", "one")


def point(value: int, **attributes: AnyValue) -> NumberDataPoint:
    return NumberDataPoint(value=value, attributes=attributes)


def metric(name: str, kind: MetricType, *points: DataPoint) -> Metric:
    return Metric(MetricHeader(name=name, type=kind), data_points=points)


def batch(*resource_metrics: ResourceMetrics) -> Batch:
    return Batch(SENDER, 1_700_000_000_000, list(resource_metrics))


def of_resource(attributes: dict[str, AnyValue], *scopes: ScopeMetrics) -> ResourceMetrics:
    return ResourceMetrics(Resource(attributes=attributes), list(scopes))


def of_scope(name: str, app: str, *metrics: Metric) -> ScopeMetrics:
    return ScopeMetrics(Scope(name=name, attributes={"app": app}), list(metrics))


def big() -> Batch:
    """Return the payload BIG."""
    return batch(
        of_resource(
            {"host": "a"},
            of_scope(
                "sc",
                "x",
                metric("m1", MetricType.GAUGE, point(1, k="a"), point(2, k="b")),
                metric("m2", MetricType.SUM, point(3, k="a")),
                metric("m3", MetricType.NONE),
                metric("m4", MetricType.GAUGE),
            ),
            of_scope("sc2", "y", metric("m5", MetricType.GAUGE, point(5, k="b"))),
        ),
        of_resource(
            {"host": "b"},
            of_scope("sc", "z", metric("m1", MetricType.GAUGE, point(9, k="z"))),
            of_scope("emptyscope", ""),
        ),
        of_resource({"host": "c"}),
    )


def legacy() -> Batch:
    """Return the payload MB."""
    histogram = HistogramDataPoint(attributes={"k": "v"}, count=1, sum=1.0)
    return batch(
        of_resource(
            {"host": "a", "n": 5, "d": 1.0, "l": ["x"]},
            of_scope(
                "",
                "",
                metric("m1", MetricType.GAUGE, point(1, k="a"), point(2, k="b")),
                metric("xm1", MetricType.SUM, point(3, k="a", i=5)),
                metric("m3", MetricType.NONE),
                metric("m4", MetricType.GAUGE),
            ),
        ),
        of_resource(
            {"host": "b"},
            of_scope(
                "",
                "",
                metric("m1", MetricType.GAUGE, point(9, k="z")),
                metric("h", MetricType.HISTOGRAM, histogram),
            ),
        ),
        of_resource({}, of_scope("", "", metric("m9", MetricType.GAUGE, point(9)))),
    )


def written(taken: Batch) -> str:
    """Return a batch as `R{S{metric:points ...}}`."""
    return " ".join(f"R{{{_scopes(item)}}}" for item in taken.resource_metrics)


def _scopes(item: ResourceMetrics) -> str:
    return " ".join(
        "S{" + " ".join(f"{m.header.name}:{len(m.data_points)}" for m in scope.metrics) + "}"
        for scope in item.scope_metrics
    )
