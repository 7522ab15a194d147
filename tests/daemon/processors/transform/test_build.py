"""Start-up: every mistake of a transform's configuration is found, with its place (ottl.md 6.2)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.check import load_checked
from daemon.config.errors import ConfigError, InvalidConfigurationError
from daemon.config.transform import StatementGroup, TransformConfig
from daemon.processors.transform import build_transform
from tests.daemon.processors.transform.run import load, mistakes
from tests.support.consumers import NopConsumer


@pytest.mark.parametrize(
    "configuration",
    [
        "{}",
        "error_mode: PROPAGATE",
        "metric_statements:",
        """metric_statements: [{context: metric, conditions: 'name == "a"', statements: ['set(unit, "s")']}]""",
        """metric_statements: [{conditions: ['metric.name == "a"'], statements: ['set(resource.schema_url, "s")']}]""",
        """metric_statements: ['set(resource.schema_url, "a") where metric.type == METRIC_DATA_TYPE_SUM']""",
        """metric_statements: [{context: metric, conditions: ['name == "a"'], statements: ['copy_metric(name="b")']}]""",
        """metric_statements: ['convert_sum_to_gauge() where metric.name == "a"']""",
    ],
)
def test_what_is_accepted(configuration: str) -> None:
    """The transform starts."""
    assert mistakes(configuration) == []


@pytest.mark.parametrize(
    "configuration",
    [
        pytest.param("metric_statements: 'true'", id="a scalar"),
        pytest.param("metric_statements: [1]", id="a number"),
        pytest.param("metric_statements: [null]", id="a null"),
        pytest.param("metric_statements: ['set(metric.unit, nil)', {statements: []}]", id="mixed"),
        pytest.param("metric_statements: [{statement: []}]", id="unknown key"),
        pytest.param("metric_statements: [{statements: 'a'}]", id="a text where a list is meant"),
        pytest.param("error_mode: drop", id="unknown error mode"),
        pytest.param("metrics: {}", id="the filter's key"),
    ],
)
def test_what_the_shape_refuses(configuration: str) -> None:
    """The file's shape is wrong: no transform is built at all."""
    with pytest.raises(ExceptionGroup):
        load(configuration)


FLAT = ("metric_statements", 0)


@pytest.mark.parametrize(
    ("configuration", "path", "offset", "message"),
    [
        ("metric_statements: ['sett(metric.name, nil)']", FLAT, 0, "unknown editor sett: did you mean set?"),
        ("metric_statements: ['set(name, nil)']", FLAT, None, "cannot tell the context"),
        ("metric_statements: ['set(metric.unit, name)']", FLAT, 17, "name must begin with one of"),
        ("metric_statements: ['convert_sum_to_gauge()']", FLAT, None, "cannot tell the context"),
        ("metric_statements: ['set(span.name, nil)']", FLAT, None, "cannot tell the context"),
        (
            "metric_statements: ['set(datapoint.flags, 1)', 'convert_sum_to_gauge() where metric.unit == nil']",
            FLAT,
            None,
            "no context has datapoint. and all functions and enums used here (statements without a context",
        ),
        (
            "metric_statements: [{context: span, statements: ['set(name, nil)']}]",
            (*FLAT, "context"),
            None,
            "expected resource, scope, metric, datapoint, got 'span'",
        ),
        (
            "metric_statements: [{context: metric, statements: ['set(unit, nil)', 'copy_metric()']}]",
            (*FLAT, "statements", 1),
            0,
            "copy_metric would copy its own copies without end",
        ),
        (
            "metric_statements: [{context: metric, conditions: [nam == nil], statements: ['set(unit, nil)']}]",
            (*FLAT, "conditions", 0),
            0,
            "unknown path nam in the metric context",
        ),
        (
            "metric_statements: [{context: resource, statements: ['set(metric.unit, nil)']}]",
            (*FLAT, "statements", 0),
            4,
            "metric.unit cannot be reached from the resource context",
        ),
        (
            "metric_statements: [{context: datapoint, statements: ['scale_metric(2.0)']}]",
            (*FLAT, "statements", 0),
            0,
            "scale_metric works in the metric context only, this is datapoint",
        ),
        ("metric_statements: ['set(metric.unit, nil']", FLAT, 20, "expected"),
    ],
)  # fmt: skip
def test_mistakes(
    configuration: str, path: tuple[str | int, ...], offset: int | None, message: str
) -> None:
    """A mistake is told with its place."""
    (mistake,) = mistakes(configuration)
    assert mistake.path == path
    assert mistake.expected.startswith(message)
    if offset is not None:
        assert mistake.offset == offset


def test_places_in_the_file(tmp_path: Path) -> None:
    """A function that does not exist is told with file, line, column and the nearest name."""
    path = tmp_path / "tallyd.yaml"
    path.write_text(
        "processors:\n  transform:\n    metric_statements:\n"
        '      - set(metric.name, ToUpperCse("x"))\n      - |\n        sett(metric.name,\n        nil)\n'
        "service: {pipelines: {metrics: {processors: [transform]}}}\n"
    )
    with pytest.raises(InvalidConfigurationError) as caught:
        load_checked(path, {})
    assert [line.removeprefix(f"{path}:") for line in caught.value.lines] == [
        "4:26: processors.transform.metric_statements[0]: unknown function ToUpperCse: did you mean ToUpperCase?",
        "6:9: processors.transform.metric_statements[1]: unknown editor sett: did you mean set?",
    ]


def test_all_mistakes_at_once() -> None:
    """Every mistake of every group is told."""
    found = mistakes(
        """
        metric_statements:
          - {context: metric, statements: ['set(unit)', 'set(nam, nil)'], conditions: ['type = 1']}
          - {context: foo}
          - {statements: ['set(', 'set(metric.unit, nil)']}
        """
    )
    assert [mistake.path[1:] for mistake in found] == [
        (0, "statements", 0),
        (0, "statements", 1),
        (0, "conditions", 0),
        (1, "context"),
        (2, "statements", 0),
    ]


TEXTS = st.one_of(
    st.text(), st.sampled_from(['set(metric.name, "a")', 'set(name, "a")', "copy_metric()"])
)
GROUPS = st.builds(
    StatementGroup,
    context=st.one_of(st.none(), st.text(), st.sampled_from(["metric", "datapoint"])),
    conditions=st.one_of(st.none(), st.text(), st.lists(TEXTS, max_size=2).map(tuple)),
    statements=st.lists(TEXTS, max_size=3).map(tuple),
)


@given(st.one_of(st.lists(TEXTS, max_size=3), st.lists(GROUPS, max_size=3)).map(tuple))
def test_any_configuration(groups: tuple[str | StatementGroup, ...]) -> None:
    """A transform is built, or mistakes are told."""
    try:
        build_transform("transform", TransformConfig(metric_statements=groups), NopConsumer())
    except* ConfigError:
        pass
