"""Recorded daprd sessions: what the sidecar itself sends decodes whole, repaired and without phantoms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from receivers.consumer import Batch
from receivers.model import AnyValue, Metric, MetricType
from receivers.opencensus.decode import Decoder
from receivers.opencensus.stream import StreamState
from tests.receivers.opencensus.reading import metrics_of
from tests.receivers.opencensus.running import Running
from tests.support.consumers import Counts
from tests.support.golden import Session, load_sessions
from tests.support.opencensus_messages import Request

SESSIONS = load_sessions()
every_session = pytest.mark.parametrize("session", SESSIONS.values(), ids=SESSIONS)

RECEIVED = "runtime/service_invocation/req_recv_total"
PHANTOMS = {
    "server-restart": [0, 0, 0, 9, 9],
    "late-server": [3, 3],
    "trace-unimplemented": [3],
}


@dataclass
class Report:
    """One message, read by both readers."""

    batch: Batch
    metrics: list[Metric]
    counts: Counts = field(default_factory=Counts)
    series: list[tuple[str, dict[str, AnyValue], int, int, float, float | None]] = field(
        default_factory=list
    )


def reports(session: Session) -> Iterator[Report]:
    """Play the metrics streams of `session` in order of arrival."""
    counts = Counts()
    decoder = Decoder(counts)
    states: dict[int, StreamState] = {}
    for event in session.events:
        if not event.is_metrics or event.raw is None:
            continue
        state = states.setdefault(event.stream, StreamState(decoder, "10.0.0.9"))
        batch = state.receive(event.raw, round(event.wall_s * 1000))
        if batch is None:
            continue
        report = Report(batch, metrics_of([batch]))
        for metric in report.metrics:
            assert metric.encoded is not None
            for row in metric.encoded.rows():
                attributes, start = metric.encoded.describe(row.key)
                report.series.append(
                    (metric.header.name, attributes, start, row.time_unix_nano, row.value, row.sum)
                )
        report.counts.update(counts)
        counts.clear()
        yield report


def label_keys(session: Session) -> dict[str, int]:
    """How many label keys each metric of `session` has, as the official classes read it."""
    keys: dict[str, int] = {}
    for event in session.events:
        if event.is_metrics and event.raw is not None:
            for metric in Request.FromString(event.raw).metrics:
                keys[metric.metric_descriptor.name] = len(metric.metric_descriptor.label_keys)
    return keys


@every_session
def test_figures(session: Session) -> None:
    """Metrics, series, distributions, values and times are those that the official classes give."""
    for report, expected in zip(reports(session), session.reports, strict=True):
        phantoms = report.counts["phantom_series"]
        distributions = sum(total is not None for *_, total in report.series)
        received = [series for series in report.series if series[0] == RECEIVED]
        assert (
            report.batch.sender.identity.split("/")[0],
            len(report.metrics),
            len(report.series) + phantoms,
            distributions + phantoms,
            {attributes["src_app_id"]: value for _, attributes, _, _, value, _ in received},
        ) == (
            expected.peer,
            expected.metrics,
            expected.series,
            expected.distributions,
            expected.req_recv_total,
        )
        for _, _, start, time, _, _ in received:
            assert start / 1e9 == pytest.approx(expected.req_recv_start_s, abs=1e-6)
            assert time / 1e9 == pytest.approx(expected.point_time_s, abs=0.01)


@every_session
def test_nothing_is_refused(session: Session) -> None:
    """The only series left out are ocagent's own; labels that no rule explains are kept."""
    expected = PHANTOMS.get(session.name, [0] * len(session.reports))
    found = []
    for report in reports(session):
        found.append(report.counts.pop("phantom_series", 0))
        report.counts.pop("shifted_labels", None)
        assert not report.counts
    assert found == expected


@every_session
def test_both_readers_agree(session: Session) -> None:
    """Rows with their descriptions and data points decoded whole are the same values."""
    for report in reports(session):
        points = [
            (
                metric.header.name,
                point.attributes,
                point.start_time_unix_nano,
                point.time_unix_nano,
                *((point.count, point.sum) if hasattr(point, "count") else (point.value, None)),  # type: ignore[union-attr]  # a number data point
            )
            for metric in report.metrics
            for point in metric.data_points
        ]
        assert points == report.series


@every_session
def test_label_values_keep_their_keys(session: Session) -> None:
    """After the repairs every app_id is an app, every status a status, in all sessions (4.2)."""
    apps = {"nodeapp", "pythonapp"}
    for report in reports(session):
        for name, attributes, *_ in report.series:
            assert attributes.get("app_id", "nodeapp") in apps, name
            if name.startswith("http/"):
                status = str(attributes.get("status", "200"))
                assert status.isdecimal(), (name, attributes)


# Keys that the rows of each metric have after the repair, where some key is missing.
REPAIRED = {
    "busy": {
        "component/pubsub_ingress/bulk/count": ["app_id component namespace topic"],
        "component/pubsub_ingress/bulk/latencies": ["app_id component namespace topic"],
        "http/client/sent_bytes": ["app_id method path"],
        "resiliency/count": ["app_id flow_direction name policy target"],
        "resiliency/loaded": ["app_id name"],
        "runtime/actor/status_report_total": ["app_id operation"],
        "runtime/actor/table_operation_recv_total": ["app_id operation"],
    },
    "busy-caller": {
        "resiliency/activations_total": [
            "app_id flow_direction name policy status target",
            "app_id flow_direction name policy target",
        ],
        "resiliency/count": [
            "app_id flow_direction name policy status target",
            "app_id flow_direction name policy target",
        ],
        "resiliency/loaded": ["app_id name"],
        "runtime/actor/status_report_total": ["app_id operation"],
        "runtime/actor/table_operation_recv_total": ["app_id operation"],
    },
    "low-cardinality": {
        # without NAMESPACE nothing tells which key is missing: kept as they came, and counted
        "component/state/count": ["app_id component namespace operation"],
        "http/client/completed_count": ["app_id method status"],
        "http/client/roundtrip_latency": ["app_id method status"],
        "http/client/sent_bytes": ["app_id method", "app_id method path"],
        "http/server/latency": ["app_id method status"],
        "http/server/request_count": ["app_id method status"],
        "runtime/acl/global_policy_action_allowed_total": [""],
    },
}
UNEXPLAINED = {"busy": 0, "busy-caller": 0, "low-cardinality": 3}


@pytest.mark.parametrize("name", REPAIRED)
def test_shifted_rows_are_repaired(name: str) -> None:
    """The shifted rows of real sidecars get their keys back; what no rule explains is counted."""
    unexplained = 0
    incomplete: dict[str, set[str]] = {}
    keys = label_keys(SESSIONS[name])
    for report in reports(SESSIONS[name]):
        unexplained += report.counts["shifted_labels"]
        for metric_name, attributes, *_ in report.series:
            if len(attributes) < keys[metric_name]:
                incomplete.setdefault(metric_name, set()).add(" ".join(attributes))
    assert {key: sorted(found) for key, found in incomplete.items()} == REPAIRED[name]
    assert unexplained == UNEXPLAINED[name]


@every_session
def test_types(session: Session) -> None:
    """daprd sends cumulative sums and histograms, and two gauges that never have a row (4.8)."""
    for report in reports(session):
        types = Counter(metric.header.type for metric in report.metrics)
        assert types[MetricType.GAUGE] == 2
        assert types[MetricType.HISTOGRAM] == 29
        assert types[MetricType.SUM] == session.reports[0].metrics - 31


@pytest.mark.integration
@every_session
async def test_over_grpc(oc: Running, session: Session) -> None:
    """Over real gRPC every report arrives, each as one batch, with nothing refused (F1)."""
    for events in session.streams().values():
        await oc.play([event.raw for event in events if event.raw is not None])
    assert [len(metrics_of([batch])) for batch in oc.sink.batches] == [
        report.metrics for report in session.reports
    ]
    assert not oc.counts
