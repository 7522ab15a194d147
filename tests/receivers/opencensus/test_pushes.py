"""Whose page it is, and that a page says what a push of the same moment says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receivers.consumer import Batch
from receivers.errors import DecodeError
from receivers.model import DataPoint, Resource
from receivers.opencensus.decode import Decoder, WireMetric
from receivers.opencensus.page import PageMetric, families
from receivers.opencensus.page_names import Reader
from receivers.opencensus.pushes import Names, Pushes
from receivers.opencensus.stream import StreamState
from receivers.prometheus.exposition import decode_page
from tests.support.consumers import Counts
from tests.support.golden import load_sessions
from tests.support.opencensus_messages import N1, S, ci, metric, node, point, request
from tests.support.sidecar_page import counter, page_of, process_start

AT = (S + 90) * 10**9
APP = ci("runtime/component/loaded", ("app_id",), ("nodeapp",), 1)
APP_PAGE = counter("runtime_component_loaded", {(("app_id", "nodeapp"),): 1})


def received(state: StreamState, raw: bytes) -> Batch:
    batch = state.receive(raw, S * 1000)
    assert batch is not None
    return batch


def stream() -> StreamState:
    return StreamState(Decoder(Counts()), "127.0.0.1")


def wire_metrics(batch: Batch) -> list[WireMetric]:
    metrics = batch.resource_metrics[0].scope_metrics[0].metrics
    return [one for one in metrics if isinstance(one, WireMetric)]


def reports() -> Iterator[tuple[str, list[Batch]]]:
    """The reports of every recorded stream."""
    for name, session in load_sessions().items():
        for number, events in session.streams().items():
            state = stream()
            batches = [state.receive(event.raw or b"", S * 1000) for event in events]
            yield f"{name}-{number}", [batch for batch in batches if batch is not None]


def in_order(points: list[DataPoint]) -> list[tuple[object, ...]]:
    """What points say but for their time, which is that of the reading; sorted, as reports are not."""
    told = []
    for one in points:
        one.time_unix_nano = 0
        told.append((sorted(one.attributes.items()), repr(one)))
    return sorted(told)


@pytest.mark.parametrize(("name", "batches"), [pytest.param(*one, id=one[0]) for one in reports()])
def test_a_page_says_what_a_push_says(name: str, batches: list[Batch]) -> None:
    """Of every recorded report: points, rows and number of points are the page's, with the same header and resource."""
    for batch in batches:
        pushes = Pushes(Names(), Resource())
        pushes.learn(batch)
        pushed = {one.header.name: one for one in wire_metrics(batch)}
        text = page_of(list(pushed.values()), batch.resource_metrics[0].resource)
        [group] = pushes.read(text, AT, Reader(Counts()))
        assert group.resource is batch.resource_metrics[0].resource
        read = group.scope_metrics[0].metrics
        assert {one.header for one in read} == {one.header for one in pushed.values()}
        for one in read:
            wire = pushed[one.header.name]
            rows = sorted((row.value, row.sum) for row in _rows(one))
            assert rows == sorted((row.value, row.sum) for row in wire.rows())
            assert one.point_count() == wire.series_count
            assert in_order(one.data_points) == in_order(wire.data_points), one.header.name


def _rows(one: object) -> list:
    assert isinstance(one, PageMetric)
    return one.rows()


def test_the_plain_twin() -> None:
    """The library's parser of pages reads the same numbers from a busy sidecar's page."""
    batches = dict(reports())["busy-3"]
    pushes = Pushes(Names(), Resource())
    pushes.learn(batches[-1])
    text = page_of(wire_metrics(batches[-1]), batches[-1].resource_metrics[0].resource)
    [group] = pushes.read(text, AT, Reader(Counts()))
    plain = decode_page(text, content_type="text/plain", at_unix_nano=AT)
    expected = {one.header.name: len(one.data_points) for one in plain}
    del expected["process_start_time_seconds"]
    found = {
        f"dapr_{one.header.name.replace('/', '_').replace('.', '_')}": len(one.data_points)
        for one in group.scope_metrics[0].metrics
    }
    assert {name: number for name, number in found.items() if number} == expected


@pytest.mark.parametrize("most", [1, 2, 3, 1_000])
def test_cut(most: int) -> None:
    """Cut metrics have the same points in the same order, none more than asked for."""
    batches = dict(reports())["busy-3"]
    pushes = Pushes(Names(), Resource())
    pushes.learn(batches[-1])
    text = page_of(wire_metrics(batches[-1]), batches[-1].resource_metrics[0].resource)

    def read() -> list[PageMetric]:
        [group] = pushes.read(text, AT, Reader(Counts()))
        metrics = group.scope_metrics[0].metrics
        return [one for one in metrics if isinstance(one, PageMetric)]

    for whole, other in zip(read(), read(), strict=True):
        parts = list(other.cut(most))
        assert all(part.point_count() <= most for part in parts)
        assert [point for part in parts for point in part.data_points] == whole.data_points


def test_a_shift_that_nobody_repairs() -> None:
    """A row whose pushed labels are wrong for good has the same wrong ones on the page: one series, not two."""
    name, keys = "component/state/count", ("app_id", "component", "namespace", "operation")
    batch = received(stream(), request(ci(name, keys, ("a", "store", "get"), 5), node=N1))
    pushes = Pushes(Names(), Resource())
    pushes.learn(batch)
    labels = (("app_id", "a"), ("component", "store"), ("namespace", ""), ("operation", "get"))
    text = process_start(S) + counter("component_state_count", {labels: 6})
    [group] = pushes.read(text, AT, Reader(Counts()))
    [read] = group.scope_metrics[0].metrics[0].data_points
    [pushed] = wire_metrics(batch)[0].data_points
    assert (
        read.attributes == pushed.attributes == dict(zip(keys, ("a", "store", "get"), strict=False))
    )


def test_escaped_values() -> None:
    """Label values are what was pushed, whatever had to be escaped; a page of nobody knows is told by such an app_id too."""
    value = 'a "b" \\ c, d="e"} 5'
    batch = received(stream(), request(ci("m", ("app_id",), (value,), 5), node=N1))
    pushes = Pushes(Names(), Resource())
    pushes.learn(batch)
    shown = value.replace("\\", r"\\").replace('"', r"\"")
    text = process_start(S) + counter("m", {(("app_id", shown),): 6})
    [group] = pushes.read(text, AT, Reader(Counts()))
    assert group.scope_metrics[0].metrics[0].data_points[0].attributes == {"app_id": value}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(process_start(S + 11) + APP_PAGE, "started 10 s before or after", id="later"),
        pytest.param(process_start(S - 10) + APP_PAGE, "started 10 s before or", id="earlier"),
        pytest.param(
            process_start(S) + APP_PAGE.replace("nodeapp", "other"),
            "not that of the app nodeapp",
            id="other-app-of-the-same-second",
        ),
        pytest.param(APP_PAGE.replace("nodeapp", "other"), "the app nodeapp", id="without-start"),
        pytest.param(process_start(S), "which the sidecar pushes, is not on it", id="without-rows"),
    ],
)
def test_another_process(text: str, says: str) -> None:
    """A page is the sender's by the start of its process, its app_id and the metrics that it pushes."""
    pushes = Pushes(Names(), Resource())
    pushes.learn(received(stream(), request(APP, node=N1)))
    with pytest.raises(DecodeError, match=says):
        pushes.read(text, AT, Reader(Counts()))


def test_nothing_tells_whose_page_it_is() -> None:
    """A page without start, of a sender that has pushed no app_id, is nobody's."""
    pushes = Pushes(Names(), Resource())
    pushes.learn(received(stream(), request(ci("m", (), (), 5), node=N1)))
    with pytest.raises(DecodeError, match="neither start nor app_id"):
        pushes.read(counter("m", {(): 6}), AT, Reader(Counts()))


def test_before_the_first_push() -> None:
    """A sidecar that has pushed nothing yet is read by the names of the others; its rows count from its start."""
    names, others = Names(), stream()
    Pushes(names, Resource()).learn(received(others, request(APP, ci("a/b"), node=node("pod-x"))))
    state = stream()
    assert state.receive(request(node=N1), S * 1000) is None
    pushes = Pushes(names, state.resource)
    assert pushes.is_readable
    text = process_start(S) + counter("a_b", {(): 3})
    [group] = pushes.read(text, AT, Reader(Counts()))
    read = {one.header.name: one.data_points for one in group.scope_metrics[0].metrics}
    assert group.resource is state.resource
    assert read["runtime/component/loaded"] == []
    [one] = read["a/b"]
    assert one.start_time_unix_nano == S * 10**9 + 500_000_000
    pushes.learn(received(state, request(ci("a/b"))))
    [group] = pushes.read(text, AT, Reader(Counts()))
    [only] = group.scope_metrics[0].metrics
    assert only.data_points[0].start_time_unix_nano == S * 10**9


def test_a_page_without_anything_known() -> None:
    """Before it has pushed, whose page shows nothing that sidecars push need not be one: nothing is absent, so nothing 0."""
    names = Names()
    Pushes(names, Resource()).learn(received(stream(), request(APP, node=node("pod-x"))))
    state = stream()
    state.receive(request(node=N1), S * 1000)
    pushes = Pushes(names, state.resource)
    page = process_start(S) + counter("http_requests", {(): 3}, prefix="")
    assert pushes.read(page, AT, Reader(Counts())) == []
    assert len(pushes.read(page + APP_PAGE, AT, Reader(Counts()))) == 1


def test_nobody_has_pushed() -> None:
    """Before any sidecar has pushed nobody knows what is on a page."""
    assert not Pushes(Names(), Resource()).is_readable


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param("dapr_m{", "undecodable_series", id="cut"),
        pytest.param("dapr_m 5 1700000000000", "undecodable_series", id="with-a-time"),
        pytest.param('dapr_m{a="b"c="d"} 5', "undecodable_series", id="labels"),
        pytest.param("dapr_m five", "undecodable_series", id="value"),
        pytest.param("dapr_other 5", "undecodable_series", id="name"),
        pytest.param("dapr_m NaN", "not_finite", id="nan"),
        pytest.param("dapr_m +Inf", "not_finite", id="infinite"),
    ],
)
def test_a_bad_line(line: str, reason: str) -> None:
    """A line that cannot be read costs itself alone, and is counted once each time it is read."""
    pushes, counts = Pushes(Names(), Resource()), Counts()
    pushes.learn(received(stream(), request(ci("m", (), (), 5), node=N1)))
    page = process_start(S) + f"# TYPE dapr_m counter\n{line}\ndapr_m 7\n"
    [group] = pushes.read(page, AT, Reader(counts))
    [one] = group.scope_metrics[0].metrics
    assert [row.value for row in _rows(one)] == [7]
    assert counts == {reason: 1}


@given(st.text(alphabet=st.sampled_from('dapr_m{}"=,#\n 1TYPEHLcounter\\.e+_bucketsumle')))
def test_any_lines(text: str) -> None:
    """Whatever stands in a family: rows, points and their number are told, and nothing is raised."""
    histogram = metric(
        "h", 6, ("x",), [(("y",), [point({"count": 1}, field="distribution_value")])]
    )
    batch = received(stream(), request(ci("m", ("x",), ("y",), 5), histogram, node=N1))
    pushes = Pushes(Names(), Resource())
    pushes.learn(batch)
    for name in ("dapr_m", "dapr_h"):
        lines = families(f"# TYPE {name} x\n{text}").get(name, "")
        for wire in wire_metrics(batch):
            one = PageMetric(Names().of(wire.layout), lines, 0, AT, Reader(Counts()))
            assert one.point_count() >= 0
            assert all(one.describe(row.key)[1] == 0 for row in one.rows())
            assert isinstance(one.data_points, list)
