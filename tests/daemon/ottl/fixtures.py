"""The data that ottl.md 7.1 evaluates its conditions on."""

from __future__ import annotations

import math

from daemon.ottl.evaluation import EvaluationContext
from receivers.model import (
    AnyValue,
    Attributes,
    DataPoint,
    ExponentialBuckets,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    MetricHeader,
    MetricType,
    NumberDataPoint,
    QuantileValue,
    Resource,
    ResourceMetrics,
    Scope,
    ScopeMetrics,
    SummaryDataPoint,
    Temporality,
)

SECOND = 1_000_000_000
RESOURCE = Resource(
    schema_url="https://r",
    dropped_attributes_count=3,
    attributes={
        "service.name": "svc1",
        "n": 7,
        "f": 2.5,
        "t": True,
        "e": "",
        "nul": None,
        "lst": ["a", 5, 2.5],
        "kv": {"in": {"deep": "x", "i": 3}},
        "b": b"\x01\xab",
        "nums": [1, 2, 3],
        "el": [],
        "em": {},
        "lom": [{"a": 1}],
        "lol": [[1], [2]],
        "s10": "10",
        "sneg": "-5",
        "sf": "1.5",
        "sx": "abc",
        "nan": math.nan,
        "inf": math.inf,
    },
)
SCOPE_ATTRIBUTES = {"app_id": "nodeapp", "src_app_id": "pythonapp", "status": "500"}
P: dict[str, AnyValue] = {
    "method": "GET",
    "code": 200,
    "ok": True,
    "ratio": 0.5,
    "empty": "",
    "bin": b"\x00\xff",
    "list": ["x", "y"],
    "m": {"k": "v"},
    "nested": {"a": {"b": 1}},
    "i": 1,
}
RECV_TOTAL = "runtime/service_invocation/req_recv_total"


def scope(attributes: Attributes = SCOPE_ATTRIBUTES) -> Scope:
    return Scope(
        name="sc",
        version="1.0",
        schema_url="https://s",
        dropped_attributes_count=1,
        attributes=attributes,
    )


def gauge(name: str, *points: DataPoint, unit: str = "") -> Metric:
    return Metric(MetricHeader(name=name, unit=unit, type=MetricType.GAUGE), data_points=points)


def _sum(name: str = "m1") -> Metric:
    point = NumberDataPoint(
        attributes=P,
        value=5,
        time_unix_nano=1_700_000_000 * SECOND,
        start_time_unix_nano=1_690_000_000 * SECOND,
    )
    header = MetricHeader(
        name=name,
        description="desc",
        unit="1",
        type=MetricType.SUM,
        temporality=Temporality.CUMULATIVE,
        is_monotonic=True,
    )
    return Metric(header, data_points=[point])


def _histogram() -> Metric:
    point = HistogramDataPoint(
        attributes=P, count=6, sum=12.5, bucket_counts=[1, 2, 3], explicit_bounds=[1.0, 2.0]
    )
    header = MetricHeader(
        name="h1", unit="s", type=MetricType.HISTOGRAM, temporality=Temporality.DELTA
    )
    return Metric(header, data_points=[point])


def _exponential_histogram() -> Metric:
    point = ExponentialHistogramDataPoint(
        attributes=P,
        count=6,
        sum=12.5,
        scale=2,
        zero_count=1,
        positive=ExponentialBuckets(offset=-1, bucket_counts=[2, 3]),
        negative=ExponentialBuckets(offset=4, bucket_counts=[1]),
    )
    header = MetricHeader(
        name="e1",
        type=MetricType.EXPONENTIAL_HISTOGRAM,
        temporality=Temporality.CUMULATIVE,
    )
    return Metric(header, data_points=[point])


def _summary() -> Metric:
    point = SummaryDataPoint(
        attributes=P,
        count=4,
        sum=8.0,
        quantile_values=[QuantileValue(0.5, 2.0), QuantileValue(0.99, 3.0)],
    )
    return Metric(MetricHeader(name="s1", type=MetricType.SUMMARY), data_points=[point])


_POINT = NumberDataPoint(attributes=P, value=1)
_METRICS = {
    "sum": _sum(),
    "gauge": gauge(
        "g1",
        NumberDataPoint(attributes=P, value=1.5, time_unix_nano=1_700_000_000 * SECOND),
        unit="By",
    ),
    "hist": _histogram(),
    "ehist": _exponential_histogram(),
    "summ": _summary(),
    "empty": Metric(MetricHeader(name="x1")),
    "nodp": gauge("g1"),
    "multi": gauge(
        "g1",
        NumberDataPoint(value=1, attributes={"a": "x"}),
        NumberDataPoint(value=2, attributes={"a": "y", "b": 3}),
    ),
    "novalue": gauge("g1", NumberDataPoint(attributes={"a": "x"}, flags=1)),
    "big": gauge(
        "g1", NumberDataPoint(value=9007199254740993, attributes={"big": 9007199254740993})
    ),
    "uni": gauge("café中", _POINT),
    "nl": gauge("a\nb", _POINT),
    "bs": gauge("a\\b", _POINT),
    "q": gauge('say "hi"', _POINT),
}
_OTHERS: dict[str, Attributes] = {
    "other": {},
    "other_app": {"app_id": "nodeapp"},
    "other_src": {"src_app_id": "pythonapp"},
    "other_x": {"app_id": "x", "src_app_id": "y"},
    "other_intapp": {"app_id": 5, "src_app_id": None},
}
_SUMS: dict[str, tuple[str, Attributes]] = {
    "nodapp": (RECV_TOTAL, SCOPE_ATTRIBUTES),
    "whitel_noscope": (RECV_TOTAL, {}),
    "hsr": ("http/server/response_count", {}),
    "http": ("http_request_duration_seconds", {}),
    **{name: ("other", attributes) for name, attributes in _OTHERS.items()},
}


def context_of(fixture: str) -> EvaluationContext:
    """Return the evaluation context of a fixture, at its first data point."""
    name, attributes = _SUMS.get(fixture, ("", SCOPE_ATTRIBUTES))
    metric = _sum(name) if name else _METRICS[fixture]
    points = metric.data_points
    return EvaluationContext(
        ResourceMetrics(RESOURCE, []),
        ScopeMetrics(scope(attributes), [metric]),
        metric,
        points[0] if points else None,
        now_unix_nano=1_700_000_000 * SECOND,
    )
