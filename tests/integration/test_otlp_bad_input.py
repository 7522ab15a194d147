"""Bad OTLP against a whole tallyd: the sender is told, it is counted, the good points of the same request are stored."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import aiohttp
import pytest
from google.protobuf.json_format import MessageToDict
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1 import metrics_pb2

from tests.integration.test_otlp_senders import last_values
from tests.support.otlp_requests import NOW_MS, as_json, gauge, partial_success, point, request
from tests.support.running_app import RunningApp, running_app

pytestmark = pytest.mark.integration

PROTOBUF, JSON = "application/x-protobuf", "application/json"
NANOS = NOW_MS * 1_000_000
GOOD = "good{service_instance_id=i}"


async def post(
    run: RunningApp, body: bytes, content_type: str = PROTOBUF, **headers: str
) -> tuple[int, bytes]:
    url = f"http://127.0.0.1:{run.app.ports['otlp.protocols.http']}/v1/metrics"
    named = {"Content-Type": content_type} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=io.BytesIO(body), headers=named) as answer,
    ):
        return answer.status, await answer.read()


def rejected(run: RunningApp, what: str) -> dict[str, float]:
    """The counters `tallyd_receiver_rejected_<what>_total` by reason."""
    prefix = f"tallyd_receiver_rejected_{what}_total{{"
    return {
        name.partition('reason="')[2].partition('"')[0]: value
        for name, value in run.page().items()
        if name.startswith(prefix)
    }


def document(**changes: Any) -> bytes:
    """A request as JSON whose one point is changed."""
    message = MessageToDict(request(gauge("m")))
    (data,) = message["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
    data["gauge"]["dataPoints"][0] |= changes
    return json.dumps(message).encode()


BOMB = gzip.compress(bytes(64 << 20), 1)
WHOLE_REQUESTS = {
    "truncated gzip": (gzip.compress(as_json(request()))[:-9], JSON, "gzip", 400, "malformed"),
    "gzip bomb": (BOMB, PROTOBUF, "gzip", 413, "too_large"),
    "JSON, number as text": (document(asDouble="five"), JSON, "", 400, "malformed"),
    "JSON, list for a map": (b'{"resourceMetrics": [[]]}', JSON, "", 400, "malformed"),
    "JSON, text for a bool": (document(flags="x"), JSON, "", 400, "malformed"),
    "JSON, base64": (
        document(attributes=[{"key": "k", "value": {"bytesValue": "!!"}}]),
        JSON,
        "",
        400,
        "malformed",
    ),
    "JSON, nested without end": (b"[" * 100_000, JSON, "", 400, "malformed"),
    "protobuf, cut": (request().SerializeToString()[:-1], PROTOBUF, "", 400, "malformed"),
}


@pytest.mark.parametrize("case", WHOLE_REQUESTS)
async def test_whole_requests(case: str) -> None:
    """A request that cannot be read is refused with a Status, and the next one is taken."""
    body, content_type, encoding, expected, reason = WHOLE_REQUESTS[case]
    headers = {"Content_Encoding": encoding} if encoding else {}
    async with running_app(at_ms=NOW_MS) as run:
        status, answer = await post(run, body, content_type, **headers)
        told = (
            json.loads(answer) if content_type == JSON else MessageToDict(Status.FromString(answer))
        )
        assert (status, told["code"]) == (expected, 3)
        assert told["message"]
        assert rejected(run, "requests") == {reason: 1}
        good = request(gauge("good"), instance="i").SerializeToString()
        assert await post(run, good) == (200, b"")
        assert last_values(run) == {GOOD: 5.0}


def number(**fields: Any) -> metrics_pb2.NumberDataPoint:
    return metrics_pb2.NumberDataPoint(**{"time_unix_nano": NANOS, "as_double": 1.0} | fields)


def total(*points: metrics_pb2.NumberDataPoint, temporality: Any = 2) -> metrics_pb2.Metric:
    data = metrics_pb2.Sum(
        data_points=points, aggregation_temporality=temporality, is_monotonic=True
    )
    return metrics_pb2.Metric(name="bad", sum=data)


def histogram(temporality: Any = 2, **fields: Any) -> metrics_pb2.Metric:
    whole: dict[str, Any] = {
        "time_unix_nano": NANOS,
        "count": 3,
        "bucket_counts": [1, 2],
        "explicit_bounds": [1],
    }
    one = metrics_pb2.HistogramDataPoint(**whole | fields)
    data = metrics_pb2.Histogram(data_points=[one], aggregation_temporality=temporality)
    return metrics_pb2.Metric(name="bad", histogram=data)


def exponential(temporality: Any = 2, **fields: Any) -> metrics_pb2.Metric:
    one = metrics_pb2.ExponentialHistogramDataPoint(
        **{"time_unix_nano": NANOS, "count": 1, "scale": 0} | fields
    )
    data = metrics_pb2.ExponentialHistogram(data_points=[one], aggregation_temporality=temporality)
    return metrics_pb2.Metric(name="bad", exponential_histogram=data)


def summary(**fields: Any) -> metrics_pb2.Metric:
    one = metrics_pb2.SummaryDataPoint(**{"time_unix_nano": NANOS, "count": 1} | fields)
    return metrics_pb2.Metric(name="bad", summary=metrics_pb2.Summary(data_points=[one]))


def no_value() -> metrics_pb2.NumberDataPoint:
    return metrics_pb2.NumberDataPoint(time_unix_nano=NANOS)


MANY = {f"k{i}": "v" for i in range(100_000)}
_QUANTILE = metrics_pb2.SummaryDataPoint.ValueAtQuantile(quantile=1.5, value=1)
_AHEAD = NANOS + 700 * 10**9
POINTS = {
    "gauge, no time": (gauge("bad", point(1.0, 0)), "no_time"),
    "gauge, no value": (gauge("bad", no_value()), "no_value"),
    "gauge, far ahead": (gauge("bad", number(time_unix_nano=_AHEAD)), "too_far_ahead"),
    "gauge, 100,000 attributes": (gauge("bad", point(1.0, NOW_MS, **MANY)), "too_many_attributes"),
    "gauge, no name": (gauge("", point(1.0)), "empty_name"),
    "sum, no time": (total(number(time_unix_nano=0)), "no_time"),
    "sum, no value": (total(no_value()), "no_value"),
    "delta sum, no time": (total(number(time_unix_nano=0), temporality=1), "no_time"),
    "delta sum, no value": (total(no_value(), temporality=1), "no_value"),
    "sum, no temporality": (total(number(), temporality=0), "no_temporality"),
    "sum, unknown temporality": (total(number(), temporality=9), "no_temporality"),
    "histogram, no time": (histogram(time_unix_nano=0), "no_time"),
    "histogram, no temporality": (histogram(0), "no_temporality"),
    "histogram, buckets": (histogram(bucket_counts=[3]), "wrong_buckets"),
    "delta histogram, buckets": (histogram(1, bucket_counts=[1, 2, 3]), "wrong_buckets"),
    "histogram, bounds": (
        histogram(bucket_counts=[1, 1, 1], explicit_bounds=[2, 1]),
        "unordered_bounds",
    ),
    "exponential, no time": (exponential(time_unix_nano=0), "no_time"),
    "exponential, no temporality": (exponential(0), "no_temporality"),
    "exponential, scale": (exponential(scale=21), "wrong_scale"),
    "delta exponential, scale": (exponential(1, scale=-11), "wrong_scale"),
    "summary, no time": (summary(time_unix_nano=0), "no_time"),
    "summary, quantile": (summary(quantile_values=[_QUANTILE]), "wrong_quantile"),
}  # fmt: skip


@pytest.mark.parametrize("case", POINTS)
async def test_points(case: str) -> None:
    """A bad point is told by number and reason and counted; what stands beside it is stored."""
    bad, reason = POINTS[case]
    body = request(gauge("good"), bad, instance="i").SerializeToString()
    async with running_app(at_ms=NOW_MS) as run:
        status, answer = await post(run, body)
        count, message = partial_success(answer)
        assert (status, count, rejected(run, "points")) == (200, 1, {reason: 1})
        assert f'metric "{bad.name}"' in message
        assert last_values(run) == {GOOD: 5.0}


KINDS: dict[str, Any] = {
    "gauge": metrics_pb2.NumberDataPoint(as_double=1),
    "sum": metrics_pb2.NumberDataPoint(as_int=1),
    "histogram": metrics_pb2.HistogramDataPoint(
        count=3, sum=2, bucket_counts=[1, 2], explicit_bounds=[1]
    ),
    "exponential_histogram": metrics_pb2.ExponentialHistogramDataPoint(count=1, sum=2, scale=1),
    "summary": metrics_pb2.SummaryDataPoint(
        count=1,
        sum=2,
        quantile_values=[metrics_pb2.SummaryDataPoint.ValueAtQuantile(quantile=0.5, value=1)],
    ),
}
"""The field of each kind of metric, and a point of it without times."""
WITHOUT_TEMPORALITY = {"gauge", "summary"}
REASONS = {
    "time_unix_nano": "no_time",
    "as_double": "no_value",
    "as_int": "no_value",
    "explicit_bounds": "wrong_buckets",
}
"""What each missing field costs; without any other a point is a good one."""
CELLS = [
    (kind, temporality, missing)
    for kind, point in KINDS.items()
    for temporality in ((0,) if kind in WITHOUT_TEMPORALITY else (0, 1, 2, 9))
    for missing in ("", "name", "time_unix_nano", *(field.name for field, _ in point.ListFields()))
]


def cell(kind: str, temporality: int, missing: str) -> metrics_pb2.Metric:
    """A metric of one point that lacks one field."""
    metric = metrics_pb2.Metric(name="" if missing == "name" else "odd")
    data = getattr(metric, kind)
    if kind not in WITHOUT_TEMPORALITY:
        data.aggregation_temporality = temporality
    point = data.data_points.add(time_unix_nano=NANOS, start_time_unix_nano=NANOS - 10**9)
    point.MergeFrom(KINDS[kind])
    if missing and missing != "name":
        point.ClearField(missing)
    return metric


def expected_reason(kind: str, temporality: int, missing: str) -> str:
    """otlp.md 1.4 for a cell; "" where the point is good."""
    if missing == "name":
        return "empty_name"
    if kind not in WITHOUT_TEMPORALITY and temporality not in {1, 2}:
        return "no_temporality"
    return REASONS.get(missing, "")


@pytest.mark.parametrize("is_json", [False, True], ids=["protobuf", "JSON"])
async def test_every_missing_field(*, is_json: bool) -> None:
    """Whatever kind, temporality and missing field: a good point is stored, a bad one told, counted and alone in that."""
    async with running_app(at_ms=NOW_MS) as run:
        for at, (kind, temporality, missing) in enumerate(CELLS):
            good = gauge(f"good_{at}")
            message = request(cell(kind, temporality, missing), good, instance="i")
            before = rejected(run, "points")
            body = as_json(message) if is_json else message.SerializeToString()
            status, answer = await post(run, body, JSON if is_json else PROTOBUF)
            after = rejected(run, "points")
            new = {why: n - before.get(why, 0) for why, n in after.items() if n != before.get(why)}
            reason = expected_reason(kind, temporality, missing)
            assert (status, new) == (200, {reason: 1} if reason else {}), (
                kind,
                temporality,
                missing,
            )
            assert bool(answer.strip(b"{}")) == bool(reason)
        values = last_values(run)
        good_names = {f"good_{at}{{service_instance_id=i}}" for at in range(len(CELLS))}
        assert {values[name] for name in good_names} == {5.0}


async def test_duplicate_keys() -> None:
    """Of an attribute that is there twice the first counts."""
    twice = ExportMetricsServiceRequest.FromString(
        request(gauge("m", point(1.0, a="first"))).SerializeToString()
    )
    one = twice.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0]
    one.attributes.add(key="a").value.string_value = "second"
    async with running_app(at_ms=NOW_MS) as run:
        assert (await post(run, twice.SerializeToString()))[0] == 200
        assert last_values(run) == {"m{a=first}": 1.0}
