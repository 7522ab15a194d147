"""The transform on whole batches: groups, order, contexts, errors, and what stays on the wire."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import pytest

from receivers.consumer import Batch
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
from tests.daemon.processors.filter.payloads import batch, big, metric, of_resource, of_scope, point
from tests.daemon.processors.transform.run import build, run
from tests.support.consumers import SinkConsumer

UNCHANGED = ["m1[1{k=a} 2{k=b}]", "m2[3{k=a}]", "m3[]", "m4[]", "m5[5{k=b}]", "m1[9{k=z}]"]


def changed(**metrics: str) -> list[str]:
    """Return what BIG looks like with other metrics: m1 is the first of that name."""
    left = dict(metrics)
    return [left.pop(one.partition("[")[0], one) for one in UNCHANGED]


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        pytest.param("{}", UNCHANGED, id="nothing"),
        pytest.param("metric_statements: []", UNCHANGED, id="no groups"),
        pytest.param("metric_statements: [{context: metric}]", UNCHANGED, id="no statements"),
        pytest.param("metric_statements: [{context: metric, statements: }]", UNCHANGED, id="null"),
        pytest.param(
            """metric_statements: ['set(metric.name, "x") where metric.name == "m2"']""",
            changed(m2="x[3{k=a}]"),
            id="flat",
        ),
        pytest.param(
            """
            metric_statements:
              - context: Metric
                statements:
                  - set(name, "a") where name == "m5"
                  - set(metric.name, "b") where name == "a"
            """,
            changed(m5="b[5{k=b}]"),
            id="statements run in order",
        ),
        pytest.param(
            """
            metric_statements:
              - context: datapoint
                conditions: ['attributes["k"] == "b"', 'value_int == 3']
                statements: ['set(attributes["host"], resource.attributes["host"])']
            """,
            changed(m1="m1[1{k=a} 2{k=b,host=a}]", m2="m2[3{k=a,host=a}]", m5="m5[5{k=b,host=a}]"),
            id="conditions of a group",
        ),
        pytest.param(
            """
            metric_statements:
              - context: resource
                statements: ['set(attributes["h"], "x")']
              - statements: ['set(datapoint.attributes["h"], resource.attributes["h"])']
            """,
            [
                "m1[1{k=a,h=x} 2{k=b,h=x}]",
                "m2[3{k=a,h=x}]",
                "m3[]",
                "m4[]",
                "m5[5{k=b,h=x}]",
                "m1[9{k=z,h=x}]",
            ],
            id="groups run in order, contexts are inferred",
        ),
        pytest.param(
            """
            metric_statements:
              - context: scope
                statements: ['set(name, "s") where attributes["app"] == "y"']
              - context: metric
                statements: ['set(name, scope.name) where scope.name == "s"']
            """,
            changed(m5="s[5{k=b}]"),
            id="scope",
        ),
        pytest.param(
            """
            metric_statements:
              - set(metric.name, "x") where datapoint.attributes["k"] == "b"
              - set(datapoint.value_int, 7) where metric.name == "x"
            """,
            changed(m1="x[1{k=a} 7{k=b}]", m5="x[7{k=b}]"),
            id="a name that a point gives is seen by the next statement",
        ),
        pytest.param(
            """metric_statements: ['copy_metric(name="m6") where metric.name == "m5"']""",
            [*UNCHANGED[:5], "m6[5{k=b}]", UNCHANGED[5]],
            id="a copy",
        ),
        pytest.param(
            """
            metric_statements:
              - context: metric
                statements:
                  - copy_metric(name="m6") where name == "m5"
                  - set(name, "m7") where name == "m6"
            """,
            [*UNCHANGED[:5], "m7[5{k=b}]", UNCHANGED[5]],
            id="what a group adds is visited by it",
        ),
        pytest.param(
            """
            metric_statements:
              - context: datapoint
                statements:
                  - set(cache["n"], value_int)
                  - set(attributes["n"], cache["n"]) where cache["n"] == 5
                  - set(attributes["m"], cache["gone"])
            """,
            changed(m5="m5[5{k=b,n=5}]"),
            id="the cache is one item's",
        ),
        pytest.param(
            """
            metric_statements:
              - {context: metric, shared_cache: true, statements: ['set(cache["n"], name) where name == "m2"']}
              - {context: metric, shared_cache: true, statements: ['set(name, cache["n"]) where name == "m5"']}
            """,
            changed(m5="m2[5{k=b}]"),
            id="a shared cache is not",
        ),
        pytest.param(
            """metric_statements: ['replace_pattern(datapoint.attributes["k"], "(.*)", "<$1>")']""",
            [
                "m1[1{k=<a>} 2{k=<b>}]",
                "m2[3{k=<a>}]",
                "m3[]",
                "m4[]",
                "m5[5{k=<b>}]",
                "m1[9{k=<z>}]",
            ],
            id="replace_pattern",
        ),
        pytest.param(
            """
            trace_statements: ['set(span.name, "x")']
            log_statements: [{context: log, statements: ['set(body, "x")']}]
            profile_statements: []
            """,
            UNCHANGED,
            id="other signals",
        ),
    ],
)
def test_outcome(configuration: str, expected: list[str]) -> None:
    """Statements change the batch, and nothing else."""
    outcome = run(configuration, big())
    assert (outcome.metrics, outcome.error, outcome.logged) == (expected, "", [])


ERRING = """
metric_statements:
  - context: metric
    {mode}
    conditions: [{condition}]
    statements:
      - set(description, "before")
      - set(name, 1)
      - set(unit, "after")
"""


@pytest.mark.parametrize(
    ("mode", "condition", "logged"),
    [
        ("", "true", ["failed to execute statement"]),
        ("error_mode: Silent", "true", []),
        (
            "",
            """'resource.attributes["host"]["x"] == 1', 'true'""",
            ["failed to eval condition", "failed to execute statement"],
        ),
    ],
)
def test_errors_are_passed_over(mode: str, condition: str, logged: list[str]) -> None:
    """A statement that fails is left out, the next one runs; each text is logged once a minute."""
    outcome = run(ERRING.format(mode=mode, condition=condition), big())
    assert outcome.batch is not None
    headers = {
        (metric.header.description, metric.header.unit)
        for group in outcome.batch.resource_metrics
        for scoped in group.scope_metrics
        for metric in scoped.metrics
    }
    assert headers == {("before", "after")}
    assert outcome.logged == logged


def test_propagate() -> None:
    """The first error refuses the batch."""
    outcome = run(ERRING.format(mode="error_mode: propagate", condition="true"), big())
    assert outcome.batch is None
    assert outcome.error == "transform/test: set(name, 1): expected string, got int"
    assert outcome.logged == ["refused a batch: a statement failed on it"]


def test_copies_of_copies_end() -> None:
    """A where that is true for the copies as well ends with an error, not with the memory."""
    configuration = """metric_statements: ['copy_metric() where metric.name == "m5"']"""
    outcome = run(configuration, big())
    assert outcome.logged == ["failed to execute statement"]
    assert sum(one.startswith("m5[") for one in outcome.metrics) == 1_001


class OnTheWire:
    """Points that nobody may decode."""

    def decode(self) -> list[DataPoint]:
        raise AssertionError("decoded")

    def rows(self) -> Iterable[EncodedRow]:
        return ()

    def describe(self, key: Hashable) -> tuple[dict[str, AnyValue], int]:
        raise AssertionError(key)


RESOURCE, SCOPE = Resource(attributes={"host": "a"}), Scope(name="sc")
HEADERS = [MetricHeader(name=f"m{index}", type=MetricType.SUM) for index in range(3)]


def undecoded() -> Batch:
    metrics = [Metric(header, OnTheWire()) for header in HEADERS]
    return batch(ResourceMetrics(RESOURCE, [ScopeMetrics(SCOPE, metrics)]))


@pytest.mark.parametrize(
    "configuration",
    [
        pytest.param(
            """metric_statements: ['set(metric.name, Concat([metric.name, "x"], "_"))']""",
            id="header",
        ),
        pytest.param(
            """metric_statements: ['set(resource.attributes["x"], metric.name) where type == 2']""".replace(
                "type", "metric.type"
            ),
            id="resource",
        ),
        pytest.param("metric_statements: [{context: metric, statements: [convert_sum_to_gauge()]}]", id="kind"),
        pytest.param(
            """metric_statements: ['set(datapoint.attributes["a"], 1) where metric.name == "other"']""",
            id="where",
        ),
        pytest.param(
            """metric_statements: ['set(datapoint.attributes["a"], 1) where metric.name == "other" and datapoint.flags == 1']""",
            id="the beginning of a where",
        ),
        pytest.param(
            """
            metric_statements:
              - context: datapoint
                conditions: ['metric.name == "other"', 'scope.name == "other"']
                statements: ['set(attributes["a"], 1)', 'set(metric.name, "x")']
            """,
            id="conditions",
        ),
        pytest.param("""metric_statements: ['copy_metric(name="x") where metric.name == "m0"']""", id="copy"),
    ],
)  # fmt: skip
def test_points_stay_on_the_wire(configuration: str) -> None:
    """Data points that no statement reads or writes are not decoded, and reports go on sharing their objects."""
    sink = SinkConsumer()
    transform = build(configuration, sink)
    transform.consume(undecoded())
    transform.consume(undecoded())
    first, second = [
        [
            (group.resource, scoped.scope, metric.header)
            for group in one.resource_metrics
            for scoped in group.scope_metrics
            for metric in scoped.metrics
            if metric.encoded is not None
        ]
        for one in sink.batches
    ]
    assert len(first) >= len(HEADERS)
    assert first == second  # by identity
    assert [header.name for header in HEADERS] == ["m0", "m1", "m2"]
    assert RESOURCE.attributes == {"host": "a"}


def test_only_what_runs_is_decoded() -> None:
    """A statement decodes the metrics that its where is true for."""
    sink = SinkConsumer()
    statement = """'set(datapoint.attributes["a"], 1) where metric.name == "m1"'"""
    transform = build(f"metric_statements: [{statement}]", sink)
    with pytest.raises(AssertionError, match="decoded"):
        transform.consume(undecoded())


def test_points_do_not_share_what_is_changed() -> None:
    """Two points with one map of attributes are changed one by one."""
    shared: dict[str, AnyValue] = {"k": {"n": 1}}
    points = [NumberDataPoint(attributes=shared, value=value) for value in (1, 2)]
    payload = batch(of_resource({}, of_scope("", "", metric("m", MetricType.GAUGE, *points))))
    statement = """'set(datapoint.attributes["k"]["n"], 2) where datapoint.value_int == 2'"""
    outcome = run(f"metric_statements: [{statement}]", payload)
    assert outcome.metrics == ["m[1{k={'n': 1}} 2{k={'n': 2}}]"]


def test_summaries_are_converted_once() -> None:
    """In the datapoint context one metric is added for a summary, not one for each of its points."""
    payload = batch(
        of_resource({}, of_scope("", "", metric("m", MetricType.GAUGE, point(1), point(2))))
    )
    assert run(
        """metric_statements: ['convert_summary_count_val_to_sum("delta", true) where datapoint.value_int == 1']""",
        payload,
    ).metrics == ["m[1{} 2{}]"]
