"""A page of metrics, text format or OpenMetrics -> the model; pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from prometheus_client import parser
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.samples import Sample

from receivers.errors import DecodeError
from receivers.model import (
    DataPoint,
    HistogramDataPoint,
    Metric,
    MetricHeader,
    MetricType,
    NumberDataPoint,
    QuantileValue,
    SummaryDataPoint,
    Temporality,
)

OPENMETRICS: Final = "application/openmetrics-text"
MAX_DATA_POINTS: Final = 200_000
"""Of one page: as many as the store holds series by default."""
MAX_LINE_CHARACTERS: Final = 32 * 1024
"""Of a sample: the parser takes longer by the square of its labels, and the store holds no series with as many."""
_LONG_LINE: Final = re.compile(rf"^[^#\n][^\n]{{{MAX_LINE_CHARACTERS}}}", re.MULTILINE)
_NANOS: Final = 1_000_000_000
_COUNTER: Final = re.compile(r"^# TYPE (\S+) counter\s*$", re.MULTILINE)
_CUMULATIVE: Final = frozenset({MetricType.SUM, MetricType.HISTOGRAM})
_Key = tuple[tuple[str, str], ...]


class _Group(NamedTuple):
    """The samples of one histogram or summary, by what their names add to the family's."""

    labels: Mapping[str, str]
    time_unix_nano: int
    parts: dict[str, float]
    """`count`, `sum`, `created`, where the page has them."""
    series: list[tuple[float, float]]
    """(bound or quantile, value), as they come."""


def decode_page(text: str, *, content_type: str, at_unix_nano: int) -> list[Metric]:
    """Return the metrics of a page, in its order; samples without a time have the time of the page.

    Samples keep the names that they have on the page; families that are only declared are left out. Native histograms,
    which text cannot carry, do not occur.

    Raises:
        DecodeError: it is no page of metrics.
    """
    is_openmetrics = content_type.partition(";")[0].strip().lower() == OPENMETRICS
    if _LONG_LINE.search(text):
        raise DecodeError(
            "page of metrics", f"a line is longer than {MAX_LINE_CHARACTERS} characters"
        )
    parse = openmetrics_parser if is_openmetrics else parser
    try:
        families = list(parse.text_string_to_metric_families(text))
        plain = frozenset() if is_openmetrics else _counters_without_suffix(text)
        metrics = [one for family in families for one in _metrics(family, plain, at_unix_nano)]
    except (ValueError, KeyError, IndexError, AttributeError, TypeError, OverflowError) as error:
        what = "OpenMetrics page" if is_openmetrics else "page of Prometheus' text format"
        raise DecodeError(what, str(error) or repr(error)) from error
    if sum(len(metric.data_points) for metric in metrics) > MAX_DATA_POINTS:
        raise DecodeError("page of metrics", f"more than {MAX_DATA_POINTS} samples")
    return metrics


def _counters_without_suffix(text: str) -> frozenset[str]:
    """Return the counters whose names do not end in `_total`: the library gives their samples that ending all the same."""
    return frozenset(name for name in _COUNTER.findall(text) if not name.endswith("_total"))


def _metrics(family: Family, plain: frozenset[str], at_unix_nano: int) -> Iterator[Metric]:
    """Yield the family as one metric, or as one for each name of its samples where these stand for themselves."""
    by_name: dict[str, list[DataPoint]] = {}
    kind = MetricType.GAUGE
    if family.type in {"histogram", "summary"}:
        kind = MetricType.HISTOGRAM if family.type == "histogram" else MetricType.SUMMARY
        build = _histogram if family.type == "histogram" else _summary
        groups = _groups(family, "le" if family.type == "histogram" else "quantile", at_unix_nano)
        by_name[family.name] = [build(group) for group in groups if "count" in group.parts]
    elif family.type == "counter":
        kind = MetricType.SUM
        name = family.name if family.name in plain else f"{family.name}_total"
        by_name[name] = _counters(family.samples, at_unix_nano)
    else:
        for sample in family.samples:
            by_name.setdefault(sample.name, []).append(_number(sample, at_unix_nano))
    for name, points in by_name.items():
        if points:
            yield Metric(_header(family, name, kind), data_points=points)


def _header(family: Family, name: str, kind: MetricType) -> MetricHeader:
    return MetricHeader(
        name=name,
        description=family.documentation,
        unit=family.unit,
        type=kind,
        temporality=Temporality.CUMULATIVE if kind in _CUMULATIVE else Temporality.UNSPECIFIED,
        is_monotonic=kind is MetricType.SUM,
    )


def _counters(samples: Sequence[Sample], at_unix_nano: int) -> list[DataPoint]:
    """Return the values of a counter; OpenMetrics tells when each began in a sample of its own."""
    created = {
        _key(sample.labels): int(sample.value * _NANOS)
        for sample in samples
        if sample.name.endswith("_created")
    }
    return [
        _number(sample, at_unix_nano, created.get(_key(sample.labels), 0))
        for sample in samples
        if not sample.name.endswith("_created")
    ]


def _number(sample: Sample, at_unix_nano: int, start_unix_nano: int = 0) -> NumberDataPoint:
    return NumberDataPoint(
        attributes=dict(sample.labels),
        start_time_unix_nano=start_unix_nano,
        time_unix_nano=_time(sample, at_unix_nano),
        value=float(sample.value),
    )


def _groups(family: Family, label: str, at_unix_nano: int) -> list[_Group]:
    groups: dict[_Key, _Group] = {}
    for sample in family.samples:
        labels = {name: value for name, value in sample.labels.items() if name != label}
        group = groups.get(_key(labels))
        if group is None:
            group = groups[_key(labels)] = _Group(labels, _time(sample, at_unix_nano), {}, [])
        suffix = sample.name.removeprefix(family.name).removeprefix("_")
        if label in sample.labels:
            group.series.append((float(sample.labels[label]), float(sample.value)))
        elif suffix in {"count", "sum", "created"}:
            group.parts[suffix] = float(sample.value)
    return list(groups.values())


def _histogram(group: _Group) -> HistogramDataPoint:
    """Return a histogram: the page's buckets are summed upwards, the model's are not."""
    buckets = sorted(group.series)
    bounds = [bound for bound, _ in buckets if math.isfinite(bound)]
    below = [0, *(int(value) for bound, value in buckets if math.isfinite(bound))]
    count = int(group.parts["count"])
    counts = [after - before for before, after in pairwise([*below, count])]
    return HistogramDataPoint(
        attributes=dict(group.labels),
        start_time_unix_nano=int(group.parts.get("created", 0.0) * _NANOS),
        time_unix_nano=group.time_unix_nano,
        count=count,
        sum=group.parts.get("sum"),
        explicit_bounds=bounds,
        bucket_counts=counts if buckets else [],
    )


def _summary(group: _Group) -> SummaryDataPoint:
    return SummaryDataPoint(
        attributes=dict(group.labels),
        start_time_unix_nano=int(group.parts.get("created", 0.0) * _NANOS),
        time_unix_nano=group.time_unix_nano,
        count=int(group.parts["count"]),
        sum=group.parts.get("sum", 0.0),
        quantile_values=[QuantileValue(quantile, value) for quantile, value in group.series],
    )


def _time(sample: Sample, at_unix_nano: int) -> int:
    if sample.timestamp is None:
        return at_unix_nano
    return round(float(sample.timestamp) * 1000) * 1_000_000  # windows keep milliseconds


def _key(labels: Mapping[str, str]) -> _Key:
    return tuple(sorted(labels.items()))
