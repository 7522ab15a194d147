"""Pages as daprd's exporter for Prometheus writes them -> the metrics that its pushes carry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receivers.consumer import Batch
from receivers.errors import DecodeError
from receivers.model import DataPoint, HistogramDataPoint, Metric, NumberDataPoint, Resource
from receivers.opencensus.decode import Decoder, WireMetric
from receivers.opencensus.page_names import Reader, name_on_page
from receivers.opencensus.pushes import Names, Pushes
from receivers.opencensus.stream import StreamState
from tests.support.consumers import Counts
from tests.support.opencensus_messages import (
    ABSENT,
    CUMULATIVE_DISTRIBUTION,
    CUMULATIVE_DOUBLE,
    N1,
    S,
    ci,
    distribution,
    metric,
    point,
    request,
)
from tests.support.sidecar_page import counter, process_start

AT = (S + 90) * 10**9


def pushed(*metrics: object) -> tuple[Pushes, Batch]:
    """Return what a push of `metrics` has told, and the push itself."""
    batch = StreamState(Decoder(Counts()), "127.0.0.1").receive(
        request(*metrics, node=N1), S * 1000
    )
    assert batch is not None
    pushes = Pushes(Names(), Resource())
    pushes.learn(batch)
    return pushes, batch


def read(pushes: Pushes, text: str, counts: Counts | None = None) -> dict[str, list[DataPoint]]:
    """Return the data points on a page of the pushing process by the pushed names."""
    if "process_start" not in text:
        text = process_start(S) + text
    [group] = pushes.read(text, AT, Reader(Counts() if counts is None else counts))
    [scope_metrics] = group.scope_metrics
    return {one.header.name: one.data_points for one in scope_metrics.metrics}


def metrics_of(batch: Batch) -> list[Metric]:
    return [one for group in batch.resource_metrics for one in group.scope_metrics[0].metrics]


def test_counter() -> None:
    """A row has the pushed name, labels, start and kind of number, and the time at which the page was read."""
    pushes, batch = pushed(ci("runtime/x_total", ("app_id", "method"), ("a", "m"), 5))
    page = counter("runtime_x_total", {(("app_id", "a"), ("method", "m")): 16})
    [point_read] = read(pushes, page)["runtime/x_total"]
    [before] = metrics_of(batch)[0].data_points
    assert isinstance(before, NumberDataPoint)
    assert point_read == NumberDataPoint(
        attributes=before.attributes,
        start_time_unix_nano=before.start_time_unix_nano,
        time_unix_nano=AT,
        value=16,
    )
    assert isinstance(point_read.value, int)


def test_headers_and_resource_are_the_pushed_ones() -> None:
    """Header and resource are the very objects of the push, so that a filter's answer is remembered for both."""
    pushes, batch = pushed(ci("a/b", (), (), 5))
    [group] = pushes.read(process_start(S) + counter("a_b", {(): 6}), AT, Reader(Counts()))
    assert group.resource is batch.resource_metrics[0].resource
    assert group.scope_metrics[0].metrics[0].header is metrics_of(batch)[0].header


def test_double() -> None:
    """What is pushed as a double stays one."""
    row = metric("d", CUMULATIVE_DOUBLE, (), [((), [point(1.5, field="double_value")])])
    [point_read] = read(pushed(row)[0], counter("d", {(): 3}))["d"]
    assert isinstance(point_read, NumberDataPoint)
    assert isinstance(point_read.value, float)


def test_distribution() -> None:
    """A histogram has the pushed bounds and counts: the page's are summed upwards."""
    value = distribution(6, 30.0, (1.0, 10.0), (1, 2, 3))
    field = "distribution_value"
    row = metric(
        "lat/ms", CUMULATIVE_DISTRIBUTION, ("app_id",), [(("a",), [point(value, field=field)])]
    )
    pushes, batch = pushed(row)
    page = (
        "# HELP dapr_lat_ms x\n# TYPE dapr_lat_ms histogram\n"
        'dapr_lat_ms_bucket{app_id="a",le="1"} 1\ndapr_lat_ms_bucket{app_id="a",le="10"} 3\n'
        'dapr_lat_ms_bucket{app_id="a",le="+Inf"} 6\ndapr_lat_ms_sum{app_id="a"} 30\n'
        'dapr_lat_ms_count{app_id="a"} 6\n'
    )
    [point_read] = read(pushes, page)["lat/ms"]
    [before] = metrics_of(batch)[0].data_points
    assert isinstance(before, HistogramDataPoint)
    before.time_unix_nano = AT
    assert point_read == before
    encoded = (
        pushes.read(process_start(S) + page, AT, Reader(Counts()))[0]
        .scope_metrics[0]
        .metrics[0]
        .encoded
    )
    assert encoded is not None
    assert [(row.value, row.sum) for row in encoded.rows()] == [(6, 30.0)]


def test_labels_that_a_push_shifts() -> None:
    """A page shows an absent tag as an empty label: without it the labels are what a push's repaired ones are."""
    name, keys = "http/server/request_count", ("app_id", "method", "path", "status")
    pushes, batch = pushed(ci(name, keys, ("a", "GET", "200"), 5))
    labels = (("app_id", "a"), ("method", "GET"), ("path", ""), ("status", "200"))
    [point_read] = read(pushes, counter("http_server_request_count", {labels: 6}))[name]
    [before] = metrics_of(batch)[0].data_points
    assert (
        point_read.attributes
        == before.attributes
        == {"app_id": "a", "method": "GET", "status": "200"}
    )


def test_label_keys() -> None:
    """Keys that Prometheus does not take are the pushed ones again."""
    pushes, _ = pushed(ci("m", ("a.b", "1st"), ("x", "y"), 5))
    [point_read] = read(pushes, counter("m", {(("a_b", "x"), ("key_1st", "y")): 6}))["m"]
    assert point_read.attributes == {"a.b": "x", "1st": "y"}


def test_phantoms() -> None:
    """What the sidecar's own exporter recorded about itself is left out, as in a push."""
    name = "grpc.io/client/completed_rpcs"
    pushes, _ = pushed(ci(name, ("app_id", "grpc_client_method"), ("a", "m"), 5))
    own = (
        ("app_id", ""),
        ("grpc_client_method", "opencensus.proto.agent.trace.v1.TraceService/Config"),
    )
    counts = Counts()
    page = counter(
        "grpc_io_client_completed_rpcs", {(("app_id", "a"), ("grpc_client_method", "m")): 6, own: 9}
    )
    assert [one.attributes["app_id"] for one in read(pushes, page, counts)[name]] == ["a"]
    assert counts == {"phantom_series": 1}


def test_without_rows() -> None:
    """A metric that was pushed without rows is there without rows: absent, therefore zero."""
    pushes, _ = pushed(metric("empty/one"), ci("m", (), (), 5))
    assert read(pushes, counter("m", {(): 6}))["empty/one"] == []


def test_rows_that_come_later() -> None:
    """A metric's rows may be on the page before a push has any."""
    pushes, _ = pushed(metric("late/one", keys=("app_id",)))
    [point_read] = read(pushes, counter("late_one", {(("app_id", "a"),): 1}))["late/one"]
    assert (point_read.attributes, point_read.start_time_unix_nano) == ({"app_id": "a"}, 0)


def test_unknown_families() -> None:
    """What was never pushed is not read, be it what it may."""
    pushes, _ = pushed(ci("m", (), (), 5))
    page = counter("m", {(): 6}) + "# TYPE other summary\nother{ nonsense\n" + counter("n", {(): 7})
    assert list(read(pushes, page)) == ["m"]


def test_two_names_that_are_one() -> None:
    """Of two pushed names that are one on the page neither is read."""
    pushes, _ = pushed(ci("a/b", (), (), 5), ci("a.b", (), (), 6), ci("m", (), (), 5))
    assert list(read(pushes, counter("a_b", {(): 9}) + counter("m", {(): 9}))) == ["m"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("", "dapr_m, which the sidecar pushes, is not on it", id="empty"),
        pytest.param("<html></html>", "dapr_m, which the sidecar pushes", id="html"),
        pytest.param(
            process_start(S + 500) + counter("m", {(): 6}),
            "started 500 s before or after",
            id="another-process",
        ),
    ],
)
def test_foreign_pages(text: str, says: str) -> None:
    """A page that is not the pushing sidecar's is refused as a whole."""
    with pytest.raises(DecodeError, match=says):
        read(pushed(ci("m", (), (), 5))[0], text)


def test_same_process() -> None:
    """A start that is about the Node's is the same process; seconds pass between them."""
    page = process_start(S + 2.5) + counter("m", {(): 6})
    assert len(read(pushed(ci("m", (), (), 5))[0], page)["m"]) == 1


def test_broken_lines() -> None:
    """A family that cannot be read costs itself alone, and is counted."""
    pushes, _ = pushed(ci("m", (), (), 5), ci("n", (), (), 5))
    counts = Counts()
    text = "# TYPE dapr_m counter\ndapr_m{ 5\n" + counter("n", {(): 6})
    found = read(pushes, text, counts)
    assert (found["m"], len(found["n"]), counts) == ([], 1, {"undecodable_series": 1})


def test_rows_without_attributes_decoded_again() -> None:
    """Rows tell their values, and `describe` their labels and start."""
    pushes, _ = pushed(ci("m", ("app_id",), ("a",), 5), ci("n", ("x",), (ABSENT,), 5))
    [group] = pushes.read(
        process_start(S) + counter("m", {(("app_id", "a"),): 6}) + counter("n", {(): 1}),
        AT,
        Reader(Counts()),
    )
    encoded = group.scope_metrics[0].metrics[0].encoded
    assert encoded is not None
    [row] = encoded.rows()
    assert (row.time_unix_nano, row.value, row.sum) == (AT, 6, None)
    assert encoded.describe(row.key) == ({"app_id": "a"}, S * 10**9)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/b.c-d", "dapr_a_b_c_d"),
        ("1x", "dapr_key_1x"),
        ("_x", "dapr_key_x"),
        ("n" * 120, "dapr_" + "n" * 100),
    ],
)
def test_page_name(name: str, expected: str) -> None:
    """Names are written as OpenCensus' exporter for Prometheus writes them."""
    _, batch = pushed(ci(name, (), (), 5))
    [one] = metrics_of(batch)
    assert isinstance(one, WireMetric)
    assert name_on_page(one.layout).name == expected


@given(st.text(alphabet=st.sampled_from('dapr_m{}"=,#\n 1TYPEHLcounter\\.e+')))
def test_any_text(text: str) -> None:
    """Any text is a page, or a DecodeError."""
    pushes, _ = pushed(ci("m", (), (), 5), metric("n"))
    try:
        read(pushes, text)
        read(pushes, counter("m", {(): 1}) + "# TYPE dapr_n counter\n" + text)
    except DecodeError:
        pass
