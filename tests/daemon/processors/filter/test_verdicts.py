"""What is remembered of verdicts, and that a dropped metric's data points are never decoded."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

import pytest
from structlog.testing import capture_logs

from daemon.ottl.compile import Condition
from daemon.ottl.evaluation import EvaluationContext
from daemon.processors.filter import verdicts
from daemon.processors.filter.verdicts import Verdicts
from receivers.consumer import Batch
from receivers.errors import PermanentError
from receivers.model import (
    AnyValue,
    DataPoint,
    EncodedRow,
    Metric,
    MetricHeader,
    MetricType,
    NumberDataPoint,
    Resource,
    ResourceMetrics,
    Scope,
    ScopeMetrics,
)
from tests.daemon.processors.filter.run import build
from tests.support.consumers import NopConsumer, SinkConsumer
from tests.support.payloads import SENDER

WALK_THROUGH = """
metrics:
  metric:
    - |
      name != "runtime/service_invocation/req_recv_total"
      and instrumentation_scope.attributes["app_id"] != "nodeapp"
      and instrumentation_scope.attributes["src_app_id"] != "pythonapp"
"""
KEPT = "runtime/service_invocation/req_recv_total"


class Wire:
    """Data points on the wire that count how often they are read."""

    def __init__(self) -> None:
        self.read = 0

    def decode(self) -> list[DataPoint]:
        self.read += 1
        return [NumberDataPoint(value=1, attributes={"k": "v"})]

    def rows(self) -> Iterator[EncodedRow]:
        self.read += 1
        yield EncodedRow("k", 0, 1.0, None)

    def describe(self, key: Hashable) -> tuple[dict[str, AnyValue], int]:
        self.read += 1
        return {str(key): "v"}, 0


class Report:
    """One report of daprd after the other, as a receiver hands them on: shared headers, points on the wire."""

    def __init__(self, *names: str) -> None:
        self._headers = [MetricHeader(name=name, type=MetricType.SUM) for name in names]
        self._resource, self._scope = Resource(), Scope()
        self.wires: dict[str, Wire] = {}

    def batch(self) -> Batch:
        self.wires = {header.name: Wire() for header in self._headers}
        metrics = [Metric(header, self.wires[header.name]) for header in self._headers]
        scope_metrics = ScopeMetrics(self._scope, metrics)
        return Batch(SENDER, 0, [ResourceMetrics(self._resource, [scope_metrics])])

    def read(self) -> dict[str, int]:
        return {name: wire.read for name, wire in self.wires.items()}


@pytest.mark.parametrize(
    ("configuration", "decoded"),
    [
        pytest.param(WALK_THROUGH, {"a": 0, "b": 0, KEPT: 0}, id="the walk-through"),
        pytest.param("metrics: {metric: [true]}", {"a": 0, "b": 0, KEPT: 0}, id="always"),
        pytest.param(
            """metrics: {metric: ['HasAttrKeyOnDatapoint("x")', 'name != "a"']}""",
            {"a": 1, "b": 0, KEPT: 0},
            id="conditions on the header go first",
        ),
        pytest.param(
            """{error_mode: propagate, metrics: {metric: ['Len(data_points) == 7', 'name != "a"']}}""",
            {"a": 1, "b": 1, KEPT: 1},
            id="but not under propagate",
        ),
        pytest.param(
            """metrics: {metric: ['name != "a"'], datapoint: [false]}""",
            {"a": 1, "b": 0, KEPT: 0},
            id="data point conditions look at what is left",
        ),
        pytest.param(
            "metrics: {include: {match_type: strict, metric_names: [a]}}",
            {"a": 0, "b": 0, KEPT: 0},
            id="legacy",
        ),
    ],
)
def test_what_is_decoded(configuration: str, decoded: dict[str, int]) -> None:
    """Data points are decoded only where a condition reads them, and never of a metric dropped by its header."""
    report = Report("a", "b", KEPT)
    build(configuration, NopConsumer()).consume(report.batch())
    assert report.read() == decoded


def test_what_is_kept_stays_on_the_wire() -> None:
    """A metric that no condition looked into goes on still encoded."""
    sink, report = SinkConsumer(), Report("a", KEPT)
    build(WALK_THROUGH, sink).consume(report.batch())
    [(_, _, metric)] = sink.metrics()
    assert (metric.header.name, metric.encoded) == (KEPT, report.wires[KEPT])


class Counted:
    """A condition that counts its evaluations."""

    def __init__(self) -> None:
        self.evaluations = 0
        self.condition = Condition(
            text="counted", context="metric", evaluate=self._evaluate, header_only=True
        )

    def _evaluate(self, context: EvaluationContext) -> bool:
        self.evaluations += 1
        return context.metric is not None and context.metric.header.name == "dropped"


HEADERS = [MetricHeader(name="dropped"), MetricHeader(name="kept")]


def test_a_verdict_is_reached_once() -> None:
    """The same resource, scope and header are judged once; another resource or scope anew."""
    counted = Counted()
    remembered = Verdicts([counted.condition], stop_at_error=False)
    places = [(Resource(), Scope()), (Resource(), Scope())]
    for _ in range(3):
        for resource, scope in places:
            group = remembered.of(resource, scope)
            assert [group[header] for header in HEADERS] == ["counted", None]
    assert (counted.evaluations, remembered.remembered) == (4, 4)


def test_groups_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many resources and scopes the least recently seen is forgotten."""
    monkeypatch.setattr(verdicts, "MAX_GROUPS", 2)
    counted = Counted()
    remembered = Verdicts([counted.condition], stop_at_error=False)
    first, second, third = ((Resource(), Scope()) for _ in range(3))
    for place in (first, second, first, third, first, second):
        assert remembered.of(*place)[HEADERS[0]]
    assert (counted.evaluations, remembered.remembered) == (4, 2)


def test_verdicts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many headers whole groups are forgotten, the least recently seen first."""
    monkeypatch.setattr(verdicts, "MAX_VERDICTS", 10)
    remembered = Verdicts([Counted().condition], stop_at_error=False)
    places = [(Resource(), Scope()) for _ in range(3)]
    sizes = []
    for place in places * 2:
        group = remembered.of(*place)
        sizes.append(remembered.remembered)
        assert not any(group[MetricHeader(name=str(number))] for number in range(6))
    assert sizes == [0, 6, 6, 6, 6, 6]


def test_an_error_is_remembered() -> None:
    """A condition that failed is not evaluated again, but its error is told for every report."""
    report = Report("a")
    component = build(
        """{error_mode: propagate, metrics: {metric: ['name + 1 == 1']}}""", NopConsumer()
    )
    messages = []
    with capture_logs():
        for _ in range(2):
            with pytest.raises(PermanentError) as raised:
                component.consume(report.batch())
            messages.append(str(raised.value))
    assert messages == ["filter/test: name + 1 == 1: cannot calculate string + int"] * 2
