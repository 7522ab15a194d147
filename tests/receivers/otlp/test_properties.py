"""What holds for any request: nothing is lost or made up, whichever way it is written or read."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from math import isnan

from hypothesis import given
from hypothesis import strategies as st

from receivers.errors import DecodeError
from receivers.model import (
    FLAG_NO_RECORDED_VALUE,
    NO_RECORDED_VALUE,
    DataPoint,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    MetricHeader,
    MetricType,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    SummaryDataPoint,
    Temporality,
)
from receivers.otlp.json_body import transcode_json
from tests.receivers.otlp.reading import AT_MS, Reader, encoded, metrics, resources
from tests.support import strategies
from tests.support.otlp_messages import read_whole, request, request_bytes, to_json
from tests.support.payload_text import write_metric, written

_TEMPORAL = {MetricType.SUM, MetricType.HISTOGRAM, MetricType.EXPONENTIAL_HISTOGRAM}


def _is_good(point: DataPoint) -> bool:
    """otlp.md 1.4, in the plainest words."""
    if not 0 < point.time_unix_nano <= (AT_MS + 600_000) * 1_000_000:
        return False
    match point:
        case NumberDataPoint():
            return point.value is not None or point.flags & FLAG_NO_RECORDED_VALUE == 1
        case HistogramDataPoint():
            bounds, buckets = point.explicit_bounds, len(point.bucket_counts)
            ordered = bounds == sorted(set(bounds)) and not any(map(isnan, bounds))
            return ordered and buckets in {0, len(bounds) + 1}
        case ExponentialHistogramDataPoint():
            return -10 <= point.scale <= 20
        case SummaryDataPoint():
            return all(0 <= at <= 1 for at, _ in point.quantile_values)


def _expected_metric(metric: Metric) -> Metric | None:
    header = metric.header
    unspecified = header.type in _TEMPORAL and not header.temporality
    if not header.name or (unspecified and metric.data_points):
        return None
    points = [point for point in metric.data_points if _is_good(point)]
    for point in points:
        if point.start_time_unix_nano > point.time_unix_nano:
            point.start_time_unix_nano = 0
    return Metric(header, data_points=points)


def expected(payload: Sequence[ResourceMetrics]) -> str:
    """Return what is to be kept of a payload, by the official classes and the rules above."""
    kept = []
    for resource in payload:
        scopes = []
        for scope in resource.scope_metrics:
            found = [_expected_metric(metric) for metric in scope.metrics]
            scopes.append(ScopeMetrics(scope.scope, [metric for metric in found if metric]))
        if any(scope.metrics for scope in resource.scope_metrics):
            kept.append(ResourceMetrics(resource.resource, scopes))
    return written(kept)


@given(strategies.payloads)
def test_like_the_official_classes(payload: list[ResourceMetrics]) -> None:
    """What is read is what the official classes read, less the bad points, each of which is counted and told."""
    raw, reader = request_bytes(payload), Reader()
    whole = read_whole(raw)
    points = sum(len(m.data_points) for r in whole for s in r.scope_metrics for m in s.metrics)
    found = reader.request(raw)
    by_sender = [one.resource for one in resources(found)]
    assert written(resources(found)) == expected(whole), by_sender
    kept = sum(len(metric.data_points) for metric in metrics(found))
    assert found.rejections.count == sum(reader.counts.values()) == points - kept


@given(strategies.payloads)
def test_json_like_protobuf(payload: list[ResourceMetrics]) -> None:
    """A request in JSON says what it says in protobuf."""
    message = request(payload)
    reader = Reader()
    assert reader.whole(transcode_json(to_json(message))) == Reader().whole(
        message.SerializeToString()
    )


def _bits(value: float | None) -> bytes:
    return b"" if value is None else struct.pack("<d", value)


def _as_row(point: DataPoint, metric: MetricHeader) -> tuple[object, ...]:
    """Return what `rows` and `describe` must say of a good point."""
    if isinstance(point, NumberDataPoint):
        value, total = point.value, None
    else:
        value, total = point.count, point.sum
    if point.flags & FLAG_NO_RECORDED_VALUE:
        value = NO_RECORDED_VALUE
        total = None if isinstance(point, NumberDataPoint) else value
    assert value is not None
    tells_start = (
        metric.type is not MetricType.GAUGE and metric.temporality is not Temporality.DELTA
    )
    return (
        point.time_unix_nano,
        _bits(value),
        _bits(total),
        write_metric(Metric(MetricHeader(name="x"), data_points=[_bare(point)])),
        point.start_time_unix_nano if tells_start else 0,
    )


def _bare(point: DataPoint) -> NumberDataPoint:
    return NumberDataPoint(attributes=point.attributes, value=0)


@given(st.lists(strategies.payloads, min_size=1, max_size=2))
def test_rows_like_points(payloads: list[list[ResourceMetrics]]) -> None:
    """Rows and points say the same and leave out the same, in every request, known or not."""
    reader = Reader()
    for raw in [request_bytes(payload) for payload in payloads] * 2:
        by_rows, by_points = reader.request(raw), reader.request(raw)
        for one, other in zip(metrics(by_rows), metrics(by_points), strict=True):
            points = encoded(one)
            rows = list(points.rows())
            described = [points.describe(row.key) for row in rows]
            said = [
                (
                    row.time_unix_nano,
                    _bits(row.value),
                    _bits(row.sum),
                    write_metric(
                        Metric(
                            MetricHeader(name="x"),
                            data_points=[NumberDataPoint(attributes=attributes, value=0)],
                        )
                    ),
                    start,
                )
                for row, (attributes, start) in zip(rows, described, strict=True)
            ]
            assert said == [_as_row(point, other.header) for point in other.data_points]
        assert by_rows.rejections.count == by_points.rejections.count
        assert by_rows.rejections.message() == by_points.rejections.message()


# -- fuzzing -----------------------------------------------------------------------------------------


def _read_everything(raw: bytes, reader: Reader) -> None:
    try:
        found = reader.request(raw)
    except DecodeError:
        return
    for metric in metrics(found):
        points = encoded(metric)
        rows = list(points.rows())
        before = found.rejections.count
        assert len(points.decode()) == len(rows)
        assert found.rejections.count == before
        for row in rows:
            points.describe(row.key)
    assert len(found.rejections.message().encode()) <= 1024


@given(st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    """Any bytes are a request or a DecodeError."""
    _read_everything(raw, Reader())


_edits = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 2), st.integers(0, 255)), min_size=1, max_size=4
)


def _edited(raw: bytes, edits: list[tuple[float, int, int]]) -> bytes:
    """Return `raw` with bytes put in, changed or taken out, each at a share of the whole."""
    for share, kind, byte in edits:
        at = int(share * len(raw))
        middle = b"" if kind == 2 else bytes((byte,))
        raw = raw[:at] + middle + raw[at if kind == 0 else at + 1 :]
    return raw


@given(strategies.payloads, _edits)
def test_nearly_good_requests(
    payload: list[ResourceMetrics], edits: list[tuple[float, int, int]]
) -> None:
    """A request with a few bytes changed is a request or a DecodeError, with rows and points alike."""
    reader = Reader()
    raw = request_bytes(payload)
    _read_everything(raw, reader)
    _read_everything(_edited(raw, edits), reader)
    assert reader.whole(raw) == Reader().whole(raw)


@given(
    st.one_of(
        st.binary(max_size=100),
        st.text(max_size=100).map(lambda text: text.encode(errors="replace")),
    )
)
def test_any_text(body: bytes) -> None:
    """Any text is a request or a DecodeError."""
    try:
        raw = transcode_json(body)
    except DecodeError:
        return
    read_whole(raw)


@given(strategies.payloads, _edits)
def test_nearly_good_json(
    payload: list[ResourceMetrics], edits: list[tuple[float, int, int]]
) -> None:
    """A document with a few bytes changed is a request or a DecodeError."""
    try:
        raw = transcode_json(_edited(to_json(request(payload)), edits))
    except DecodeError:
        return
    _read_everything(raw, Reader())


_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.sampled_from(["", "5", "NaN"])),
    lambda below: st.one_of(
        st.lists(below, max_size=2),
        st.dictionaries(
            st.sampled_from(
                [
                    "resourceMetrics", "resource", "scopeMetrics", "metrics", "name", "gauge", "sum", "histogram",
                    "exponentialHistogram", "summary", "dataPoints", "attributes", "key", "value", "asInt", "positive",
                    "bucketCounts", "exemplars", "traceId", "aggregationTemporality", "arrayValue", "values",
                ]
            ),
            below,
            max_size=3,
        ),
    ),
    max_leaves=12,
)  # fmt: skip


@given(_json)
def test_any_document(document: object) -> None:
    """A document of known keys and wrong values is a request or a DecodeError."""
    try:
        raw = transcode_json(json.dumps(document).encode())
    except DecodeError:
        return
    _read_everything(raw, Reader())
