"""Paths: what they read from every kind of data, and what is refused at start-up (ottl.md 3)."""

from __future__ import annotations

import pytest

from daemon.ottl.compile import compile_condition
from daemon.ottl.errors import OttlBuildError, OttlEvaluationError
from tests.daemon.ottl.fixtures import context_of

LEVELS = {"R": "resource", "S": "scope", "M": "metric", "D": "datapoint"}

TRUE = """
R sum    Len(resource.attributes) == 20 and Len(attributes) == 20 and attributes != {}
R sum    dropped_attributes_count == 3 and schema_url == "https://r"
R sum    attributes["lst"][1] == 5 and attributes["lol"][1][0] == 2
R sum    attributes["nope"]["x"][9] == nil
R sum    attributes["nul"] == nil
R sum    cache == {} and cache["x"] == nil and resource.cache["x"] == nil
R sum    otelcol.client.addr == nil and otelcol.client.metadata["k"] == nil
R sum    otelcol.client.auth.attributes["k"] == nil and otelcol.grpc.metadata == nil
S sum    name == "sc" and version == "1.0" and scope.name == instrumentation_scope.name
S sum    attributes["app_id"] == "nodeapp" and dropped_attributes_count == 1 and schema_url == "https://s"
S sum    resource.attributes["n"] == 7 and cache["x"] == nil
M sum    name == "m1" and metric.name == "m1" and description == "desc" and unit == "1" and type == 2
M sum    aggregation_temporality == 2 and is_monotonic == true and metadata == {} and metadata["k"] == nil
M sum    data_points != nil and Len(data_points) == 1 and IsList(data_points) and data_points == data_points
M sum    type == METRIC_DATA_TYPE_SUM and type == 2.0 and type != "Sum"
M sum    resource.attributes["kv"]["in"]["i"] == 3 and scope.attributes["status"] == "500"
M gauge  aggregation_temporality == nil and is_monotonic == nil and description == ""
M hist   aggregation_temporality == 1 and is_monotonic == nil
M ehist  aggregation_temporality == 2 and type == METRIC_DATA_TYPE_EXPONENTIAL_HISTOGRAM
M summ   aggregation_temporality == nil and type == METRIC_DATA_TYPE_SUMMARY
M empty  type == METRIC_DATA_TYPE_NONE and data_points == nil
D sum    datapoint.attributes["method"] == "GET" and attributes["nested"]["a"]["b"] == 1
D sum    value_int == 5 and value_double == 0.0 and flags == FLAG_NONE and metric.name == "m1"
D sum    time_unix_nano == 1700000000000000000 and start_time_unix_nano == 1690000000000000000
D sum    time - start_time == Duration("10000000s")
D sum    exemplars != nil and Len(exemplars) == 0
D sum    count == nil and sum == nil and bucket_counts == nil and scale == nil and positive == nil
D sum    positive.offset == nil and quantile_values == nil and explicit_bounds == nil and zero_count == nil
D sum    cache["x"] == nil and attributes["list"][Len(attributes["list"]) - 1] == "y"
D sum    attributes[attributes["list"][0]] == nil
D gauge  value_double == 1.5 and value_int == 0 and start_time_unix_nano == 0
D novalue value_int == 0 and value_double == 0.0 and flags == FLAG_NO_RECORDED_VALUE
D hist   count == 6 and sum == 12.5 and Len(bucket_counts) == 3 and Len(explicit_bounds) == 2
D hist   not IsList(bucket_counts) and IsList(explicit_bounds) and value_int == nil and value_double == nil
D ehist  scale == 2 and zero_count == 1 and positive.offset == -1 and negative.offset == 4
D ehist  Len(positive.bucket_counts) == 2 and Len(negative.bucket_counts) == 1 and positive == positive
D ehist  positive != negative and bucket_counts == nil
D summ   count == 4 and sum == 8.0 and Len(quantile_values) == 2 and exemplars == nil
"""

ERRORS_AT_START = """
R sum    name == "a"
R sum    resource == nil
R sum    scope.name == "a"
R sum    metric.name == "a"
R sum    type == METRIC_DATA_TYPE_SUM
R sum    schema_url["x"] == nil
R sum    attributes["a"].b == nil
R sum    instrumentation_scope.name == "a"
S sum    metric.name == "a"
S sum    resource.cache == nil
S sum    scope == nil
S sum    NO_SUCH == 1
M sum    foo == 1
M sum    name.x == "a"
M sum    name["x"] == "a"
M sum    metric == nil
M sum    metric.metric.name == "a"
M sum    attributes["x"] == 1
M sum    datapoint.value_int == 1
M sum    resource.cache["x"] == nil
M sum    scope.cache == nil
M sum    FLAG_NONE == 0
M sum    otelcol.client == nil
M sum    otelcol.client.addr["x"] == nil
D sum    name == "m1"
D sum    type == 2
D sum    min == nil
D sum    max == nil
D sum    value == nil
D sum    zero_threshold == nil
D sum    bucket_counts[0] == 1
D sum    positive["x"] == 1
D sum    metric.cache == nil
D sum    metric.data_points.x == nil
"""

EVALUATION_ERRORS = """
R sum    attributes["n"]["x"] == nil
R sum    attributes["nul"]["x"] == nil
R sum    attributes["lst"][9] == nil
R sum    attributes["lst"][-1] == nil
R sum    attributes["lst"]["a"] == nil
R sum    attributes["kv"][0] == nil
R sum    attributes[0] == nil
R sum    attributes[attributes["nope"]] == nil
R sum    attributes[attributes["t"]] == nil
R sum    attributes[attributes["f"]] == nil
R sum    -attributes["e"] == 1
D sum    attributes["method"]["x"] == nil
"""


def rows(table: str) -> list[object]:
    lines = [line.split(maxsplit=2) for line in table.strip().splitlines()]
    return [
        pytest.param(LEVELS[level], fixture, text, id=f"{level} {fixture} {text}")
        for level, fixture, text in lines
    ]


@pytest.mark.parametrize(("level", "fixture", "text"), rows(TRUE))
def test_true(level: str, fixture: str, text: str) -> None:
    """This is so."""
    assert compile_condition(text, level).evaluate(context_of(fixture)) is True


@pytest.mark.parametrize(("level", "fixture", "text"), rows(ERRORS_AT_START))
def test_refused(level: str, fixture: str, text: str) -> None:
    """There is no such path in this context."""
    with pytest.raises(OttlBuildError):
        compile_condition(text, level)


@pytest.mark.parametrize(("level", "fixture", "text"), rows(EVALUATION_ERRORS))
def test_evaluation_errors(level: str, fixture: str, text: str) -> None:
    """The keys lead nowhere in this data."""
    condition = compile_condition(text, level)
    with pytest.raises(OttlEvaluationError):
        condition.evaluate(context_of(fixture))


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ('metric.name == "a"', True),
        ("metric.is_monotonic == true and resource.schema_url == scope.name", True),
        ('name == "a"', False),
        ('attributes["a"] == 1', False),
        ("cache == nil", False),
        ("datapoint.value_int == 1", False),
    ],
)
def test_prefixed(text: str, fits: bool) -> None:
    """In prefixed mode every path must begin with a context name that is known here."""
    try:
        compile_condition(text, "metric", prefixed=True)
    except OttlBuildError:
        assert not fits
    else:
        assert fits


def test_fields_need_prefixes_too() -> None:
    """`positive.offset` begins with a field, not with a context name."""
    with pytest.raises(
        OttlBuildError, match=r"must begin with one of datapoint\., metric\., scope\."
    ):
        compile_condition("positive.offset == 1", "datapoint", prefixed=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nam == 1", "unknown path nam in the metric context: did you mean name?"),
        (
            'attributes["a"] == 1',
            (
                "unknown path attributes in the metric context: did you mean scope.attributes or resource.attributes?"
                " data points are seen in the datapoint context only"
            ),
        ),
        ("datapoint.sum == 1", "datapoint.sum cannot be reached from the metric context"),
        ("metric == nil", "metric alone is no value: expected metric.<field>"),
        ('name["a"] == 1', "name takes no keys"),
        ("scope.cache == nil", "scope.cache cannot be reached from the metric context"),
        (
            "scope.zzz == 1",
            (
                "unknown path scope.zzz in the metric context: expected one of name, version, attributes,"
                " dropped_attributes_count, schema_url, cache"
            ),
        ),
    ],
)
def test_messages(text: str, message: str) -> None:
    """An error says what is there instead."""
    with pytest.raises(OttlBuildError) as raised:
        compile_condition(text, "metric")
    assert (raised.value.message, raised.value.offset) == (message, 0)
