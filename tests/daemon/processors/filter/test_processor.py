"""The filter as a consumer: error modes, counting, logging, and what explains a verdict."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from daemon.processors.filter.conditions import NO_POINTS
from receivers.errors import PermanentError, RetryableError
from tests.daemon.processors.filter.payloads import big
from tests.daemon.processors.filter.run import Outcome, build, run
from tests.support.consumers import Counts, ErrorConsumer, NopConsumer, SinkConsumer

FAILS = 'resource.attributes["host"]["x"] == 1'
MESSAGE = f"{FAILS}: cannot index a string with 'x'"


def test_ignore() -> None:
    """An error is logged once and counted from then on; the next condition is tried."""
    assert run(f"metrics: {{metric: ['{FAILS}', 'name == \"m1\"']}}", big()) == Outcome(
        "R{S{m2:1 m3:0 m4:0} S{m5:1}}",
        counted=[("filter/test", 2)],
        logged=[("warning", "failed to eval condition")],
    )


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ("metric: ['name == \"m1\"']", {'name == "m1"': 2}),
        ("metric: ['name == \"m1\"', 'name == \"m2\"', 'true']", {'name == "m1"': 2, 'name == "m2"': 1, "true": 3}),
        ("resource: ['attributes[\"host\"] == \"b\"']", {'attributes["host"] == "b"': 1}),
        ("datapoint: ['attributes[\"k\"] == \"b\"']", {'attributes["k"] == "b"': 1, NO_POINTS: 1}),
    ],
)  # fmt: skip
def test_counted_by_condition(configuration: str, expected: dict[str, int]) -> None:
    """Of each condition it is counted how many metrics it has dropped; of the payload's six."""
    by_condition = Counts()
    build(f"metrics: {{{configuration}}}", SinkConsumer(), by_condition=by_condition).consume(big())
    assert by_condition == expected


def test_silent() -> None:
    """The same without a log line."""
    assert run(
        f"{{error_mode: silent, metrics: {{metric: ['{FAILS}', 'name == \"m1\"']}}}}", big()
    ) == Outcome("R{S{m2:1 m3:0 m4:0} S{m5:1}}", counted=[("filter/test", 2)])


def test_propagate() -> None:
    """P17: one error for each metric of both resources; nothing goes on, the sender is told."""
    assert run(
        f"{{error_mode: propagate, metrics: {{metric: ['{FAILS}', 'name == \"m1\"']}}}}", big()
    ) == Outcome(
        "nothing",
        error="filter/test: " + "; ".join([MESSAGE] * 6),
        logged=[("error", "refused a batch: conditions failed on it")],
    )


def test_many_errors_are_cut() -> None:
    """The sender is told ten errors and the number of the others."""
    each = 'attributes["k"]["x"] == 1\', \'value_int == 1'
    configuration = f"{{error_mode: propagate, metrics: {{datapoint: ['{each}']}}}}"
    batch = big()
    points = batch.resource_metrics[0].scope_metrics[0].metrics[0].data_points
    points.extend(points * 5)
    outcome = run(configuration, batch)
    assert outcome.error.count("cannot index") == 10
    assert outcome.error.endswith("; and 5 more")


@pytest.mark.parametrize(
    ("configuration", "errors"),
    [
        pytest.param("metric: ['name != nil', '{fails}']", 0, id="what matched before wins"),
        pytest.param("resource: ['attributes[\"host\"][\"x\"] == 1', 'true']", 3, id="resource"),
        pytest.param(
            "metric: ['{fails}'], datapoint: ['attributes[\"nope\"] == 1', '{fails}']",
            6,
            id="a metric that stopped is not looked into",
        ),
        pytest.param("datapoint: ['{fails}', 'true']", 5, id="data points"),
        pytest.param(
            "metric: ['Len(data_points) == 7'], datapoint: ['{fails}', 'true']",
            6,
            id="one metric without data, five data points",
        ),
        pytest.param(
            "metric: ['Len(data_points) == 7', '{fails}']",
            6,
            id="a metric without data points fails at the first",
        ),
    ],
)
def test_where_propagate_stops(configuration: str, errors: int) -> None:
    """An error ends the evaluation of its item; the walk goes on over the rest."""
    conditions = configuration.replace("{fails}", FAILS)
    outcome = run(f"{{error_mode: propagate, metrics: {{{conditions}}}}}", big())
    assert outcome.error.count("cannot") + outcome.error.count("expected") == errors


def test_an_emptied_batch_masks_errors() -> None:
    """When a pass drops everything, errors of any pass are forgotten."""
    configuration = f"""
    error_mode: propagate
    metric_conditions:
      - {{conditions: ['{FAILS} and metric.name != nil']}}
      - {{conditions: ['metric.name != nil']}}
    """
    outcome = run(configuration, big())
    assert (outcome.left, outcome.error, outcome.counted) == (
        "nothing",
        "",
        [("filter/test", 6)],
    )


def test_an_error_mode_of_a_group() -> None:
    """A group may have an error mode of its own."""
    configuration = f"""
    error_mode: propagate
    metric_conditions:
      - {{error_mode: silent, conditions: ['{FAILS} and metric.name != nil']}}
    """
    assert run(configuration, big()).error == ""


def test_counting() -> None:
    """Metrics that are gone are counted once a batch, also when there are none."""
    cases = {
        "metrics: {metric: ['name == \"nope\"']}": 0,
        "metrics: {metric: ['name == \"m1\"']}": 2,
        "metrics: {metric: [true]}": 6,
        'metrics: {resource: [\'attributes["host"] == "a"\']}': 5,
        "metrics: {datapoint: ['value_int == 1']}": 1,
        "metric_conditions: ['scope.name == \"sc\"']": 5,
        "metrics: {include: {match_type: strict, metric_names: [m1]}}": 4,
        "metrics: {exclude: {match_type: strict, resource_attributes: [{key: host, value: a}]}}": 5,
        "metric_conditions: [{conditions: ['metric.name == \"m1\"']}, {conditions: ['metric.name == \"m2\"']}]": 3,
    }
    assert {text: run(text, big()).counted for text in cases} == {
        text: [("filter/test", amount)] for text, amount in cases.items()
    }


def test_the_next_consumer_refuses() -> None:
    """What the next consumer says goes back to the sender as it is."""
    refusing = ErrorConsumer(lambda _batch: RetryableError("full"))
    with pytest.raises(RetryableError):
        build("metrics: {metric: [false]}", refusing).consume(big())


def test_log_lines_are_rare() -> None:
    """A condition that fails on everything is logged once a minute, with the number held back."""
    times = iter([*[0.0] * 6, *[59.0] * 6, *[60.0] * 6])
    component = build(f"metrics: {{metric: ['{FAILS}']}}", NopConsumer(), clock=times)
    with capture_logs() as logs:
        for _ in range(3):
            component.consume(big())
    assert logs == [
        {
            "component": "filter/test",
            "condition": FAILS,
            "error": "cannot index a string with 'x'",
            "event": "failed to eval condition",
            "log_level": "warning",
            "suppressed": suppressed,
        }
        for suppressed in (0, 11)
    ]


def test_refusals_are_logged_rarely_too() -> None:
    """A batch refused every second is one line a minute."""
    component = build(
        f"{{error_mode: propagate, metrics: {{metric: ['{FAILS}']}}}}",
        NopConsumer(),
        clock=iter([0.0, 1.0, 61.0]),
    )
    with capture_logs() as logs:
        for _ in range(3):
            with pytest.raises(PermanentError):
                component.consume(big())
    assert [line["suppressed"] for line in logs] == [0, 1]


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        pytest.param("{}", None, id="nothing configured"),
        pytest.param("metrics: {metric: ['name == \"m1\"']}", 'name == "m1"', id="metric"),
        pytest.param("metrics: {metric: ['name == \"m2\"']}", None, id="kept"),
        pytest.param(
            'metrics: {resource: [\'attributes["host"] == "a"\']}',
            'attributes["host"] == "a"',
            id="resource",
        ),
        pytest.param(
            "metric_conditions: ['scope.name == \"sc\"']", 'scope.name == "sc"', id="scope"
        ),
        pytest.param(
            "metrics: {datapoint: ['value_int == 1', 'value_int == 2']}",
            "value_int == 2",
            id="all data points",
        ),
        pytest.param("metrics: {datapoint: ['value_int == 1']}", None, id="some data points"),
        pytest.param(f"metrics: {{metric: ['{FAILS}', 'true']}}", "true", id="after an error"),
        pytest.param(
            f"{{error_mode: propagate, metrics: {{metric: ['{FAILS}', 'true']}}}}",
            None,
            id="an error under propagate",
        ),
        pytest.param(
            "metrics: {include: {match_type: strict, metric_names: [m2]}}", "include", id="include"
        ),
        pytest.param(
            "metrics: {exclude: {match_type: strict, metric_names: [m1]}}", "exclude", id="exclude"
        ),
        pytest.param(
            "metrics: {exclude: {match_type: strict, metric_names: [m2]}}", None, id="not excluded"
        ),
    ],
)
def test_judge(configuration: str, expected: str | None) -> None:
    """The filter names the condition that drops a metric, and changes nothing."""
    component = build(configuration, SinkConsumer())
    resource = big().resource_metrics[0]
    scope = resource.scope_metrics[0]
    assert component.judge(resource, scope, scope.metrics[0]) == expected
    assert len(scope.metrics[0].data_points) == 2


def test_judge_without_points() -> None:
    """Data point conditions drop a metric without data points, but not one without data."""
    component = build("metrics: {datapoint: [false]}", SinkConsumer())
    resource = big().resource_metrics[0]
    scope = resource.scope_metrics[0]
    assert [component.judge(resource, scope, metric) for metric in scope.metrics] == [
        None,
        None,
        None,
        "(it has no data points)",
    ]
