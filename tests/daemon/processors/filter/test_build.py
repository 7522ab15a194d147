"""Start-up: every mistake of a filter's configuration is found, with its place (ottl.md 5.1, 5.5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config.errors import ConfigError
from daemon.config.filter import (
    AttributeMatchConfig,
    FilterConfig,
    MatchConfig,
    MetricFiltersConfig,
)
from daemon.processors.filter import build_filter
from tests.daemon.processors.filter.payloads import big
from tests.daemon.processors.filter.run import build
from tests.support.consumers import NopConsumer


def mistakes(configuration: str) -> list[ConfigError]:
    try:
        build(configuration, NopConsumer())
    except ConfigError as error:
        return [error]
    except ExceptionGroup as group:
        return [error for error in group.exceptions if isinstance(error, ConfigError)]
    return []


@pytest.mark.parametrize(
    "configuration",
    [
        pytest.param("{}", id="nothing"),
        pytest.param("metrics:", id="null"),
        pytest.param("metrics: {metric: null, include: null}", id="nulls"),
        pytest.param("error_mode: Silent", id="any letter case"),
        pytest.param("metrics: {regexp: {cacheenabled: true, cachemaxnumentries: 5}}", id="regexp"),
        pytest.param(
            "metric_conditions: [{context: Scope, conditions: ['name == nil']}]", id="scope"
        ),
        pytest.param("metrics: {metric: [true, false]}", id="YAML booleans are conditions"),
        pytest.param(
            """
            logs: {log_record: ['severity_number < 9'], resource: ['attributes["a"] == 1'], include: {bodies: [x]}}
            traces: {span: ['name == "a"'], spanevent: ['name == "b"'], resource: [true]}
            spans: {include: {match_type: strict}}
            profiles: {profile: ['duration_unix_nano > 1']}
            trace_conditions: ['span.name == "x"']
            log_conditions: [{context: log, conditions: ['body == "x"']}]
            profile_conditions: []
            """,
            id="other signals",
        ),
    ],
)
def test_what_is_accepted(configuration: str) -> None:
    """The filter starts."""
    assert mistakes(configuration) == []


@pytest.mark.parametrize(
    "configuration",
    [
        pytest.param("metrics: {metric: [1]}", id="a number"),
        pytest.param("metrics: {metrics: []}", id="unknown key"),
        pytest.param("metrics: {metric: {a: b}}", id="an object"),
        pytest.param("error_mode: ''", id="empty error mode"),
        pytest.param("error_mode: null", id="null error mode"),
        pytest.param("error_mode: drop", id="unknown error mode"),
        pytest.param("metric_conditions: 'true'", id="a scalar"),
        pytest.param("metric_conditions: [null]", id="a null item"),
        pytest.param("metric_conditions: ['metric.name == nil', {conditions: []}]", id="mixed"),
        pytest.param("metric_conditions: [{condition: []}]", id="unknown key in a group"),
    ],
)
def test_what_the_shape_refuses(configuration: str) -> None:
    """The file's shape is wrong: no filter is built at all."""
    with pytest.raises(ExceptionGroup):
        build(configuration, NopConsumer())


@pytest.mark.parametrize(
    ("configuration", "path", "offset", "expected"),
    [
        pytest.param(
            """metrics: {metric: ['attributes["x"] == 1']}""",
            ("metrics", "metric", 0),
            0,
            "unknown path attributes in the metric context",
            id="P21 a path of another context",
        ),
        pytest.param(
            "metrics: {metric: [true], include: {match_type: strict}}",
            ("metrics", "include"),
            None,
            "cannot stand beside metrics.metric",
            id="P23 both styles",
        ),
        pytest.param(
            "metrics: {datapoint: [], exclude: {match_type: strict}}",
            ("metrics", "exclude"),
            None,
            "cannot stand beside metrics.datapoint",
            id="exclude too, beside an empty list too",
        ),
        pytest.param(
            "{metrics: {exclude: {}}, metric_conditions: ['metric.name == nil']}",
            ("metric_conditions",),
            None,
            "cannot stand beside metrics.exclude",
            id="the newer style stands alone",
        ),
        pytest.param(
            """{metrics: {metric: ['name == "m1"']}, logs: {log_record: ['body = 1']}}""",
            ("logs", "log_record", 0),
            5,
            "expected a comparison",
            id="P27 another signal",
        ),
        pytest.param(
            "trace_conditions: [{conditions: ['true', '(']}]",
            ("trace_conditions", 0, "conditions", 1),
            1,
            "expected a value",
            id="a group of another signal",
        ),
        pytest.param(
            """metric_conditions: ['name == "m1"']""",
            ("metric_conditions", 0),
            0,
            "cannot tell the context",
            id="P29 no prefix",
        ),
        pytest.param(
            """metric_conditions: ['instrumentation_scope.name == "sc2"']""",
            ("metric_conditions", 0),
            0,
            "instrumentation_scope is no context of its own: write scope.",
            id="P35",
        ),
        pytest.param(
            """metric_conditions: ['span.name == "x"']""",
            ("metric_conditions", 0),
            0,
            "cannot tell the context",
            id="P43 another signal's path",
        ),
        pytest.param(
            "metric_conditions: [{context: span, conditions: ['true', '(']}]",
            ("metric_conditions", 0, "context"),
            None,
            "expected resource, scope, metric, datapoint, got 'span'",
            id="P43 another signal's context",
        ),
        pytest.param(
            "metric_conditions: [{context: metric, conditions: ['foo == 1']}]",
            ("metric_conditions", 0, "conditions", 0),
            0,
            "unknown path foo",
            id="a group",
        ),
        pytest.param(
            "metrics: {metric: [null]}",
            ("metrics", "metric", 0),
            0,
            "empty condition",
            id="null is an empty condition",
        ),
        pytest.param(
            """metrics: {metric: 'true,IsMatch(name'}""",
            ("metrics", "metric"),
            17,
            "expected ')', got the end (a single text is split at commas: write a list)",
            id="a scalar is split at commas",
        ),
    ],
)
def test_one_mistake(
    configuration: str, path: tuple[str | int, ...], offset: int | None, expected: str
) -> None:
    """A mistake is raised with its key path and the character in the text where it is."""
    first, *others = mistakes(configuration)
    assert (first.path, first.offset, others) == (path, offset, [])
    assert first.expected.startswith(expected)


def test_all_mistakes_at_once() -> None:
    """Mistakes of all lists are raised together."""
    found = mistakes(
        """
        metrics:
          resource: [true, 'name == 1']
          metric: ['(', true, 'foo == 1']
          datapoint: 'true,foo == 1'
        traces: {span: ['=']}
        """
    )
    assert [(error.path, error.offset) for error in found] == [
        (("traces", "span", 0), 0),
        (("metrics", "resource", 1), 0),
        (("metrics", "metric", 0), 1),
        (("metrics", "metric", 2), 0),
        (("metrics", "datapoint"), 5),
    ]


@given(
    st.text(),
    st.sampled_from(["resource", "metric", "datapoint", "condition", "names", "value"]),
)
def test_any_text(text: str, place: str) -> None:
    """Any text in any place gives a filter or the documented errors."""
    regexp = MatchConfig(
        match_type="regexp",
        metric_names=(text,) if place == "names" else None,
        resource_attributes=(AttributeMatchConfig(key="k", value=text),),
    )
    metrics = {
        "resource": MetricFiltersConfig(resource=text),
        "metric": MetricFiltersConfig(metric=(text,)),
        "datapoint": MetricFiltersConfig(datapoint=text),
    }.get(place, MetricFiltersConfig(include=regexp))
    config = FilterConfig(metrics=metrics)
    if place == "condition":
        config = FilterConfig(metric_conditions=(text,))
    try:
        component = build_filter(
            "filter", config, NopConsumer(), count_filtered=lambda _id, _n: None
        )
    except* ConfigError:
        component = None
    if component is not None:
        component.consume(big())
