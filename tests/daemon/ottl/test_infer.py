"""The context of a condition that does not say (ottl.md 5.2)."""

from __future__ import annotations

import pytest

from daemon.ottl.errors import OttlBuildError
from daemon.ottl.infer import infer_context


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('resource.attributes["a"] == "b"', "resource"),
        ('scope.name == "a"', "scope"),
        ('metric.name == "a" and scope.name == "b"', "metric"),
        ('resource.attributes["a"] == datapoint.value_int', "datapoint"),
        ('instrumentation_scope.name == "a" or metric.name == "b"', "metric"),
        ("metric.type == METRIC_DATA_TYPE_SUM", "metric"),
        ("metric.type == FLAG_NONE", "datapoint"),
        ('resource.attributes["a"] == "b" and METRIC_DATA_TYPE_SUM == 2', "datapoint"),
        ('resource.attributes["a"] == "b" and HasAttrKeyOnDatapoint("k")', "metric"),
        ('scope.name == "b" and HasAttrKeyOnDatapoint("k")', "metric"),
        ("Len(metric.name) == 1", "metric"),
        ('not (-Len([metric.name]) == 1 + {"a": datapoint.value_int}["a"])', None),
        ("resource.attributes[datapoint.value_int] == 1", "datapoint"),
        ('{"a": metric.name} == [-resource.dropped_attributes_count]', "metric"),
        ("1 + metric.type == 2 or resource.attributes == nil", "metric"),
        ("metric.name == NoSuchFunction(1)", "metric"),
        ("metric.name == NO_SUCH_ENUM", "metric"),
        ('otelcol.client.addr == "a" and metric.name == "b"', "metric"),
        ("true", None),
        ('HasAttrKeyOnDatapoint("k")', None),
        ('name == "x"', None),
        ('attributes["x"] == 1', None),
        ('span.name == "x"', None),
        ('otelcol.client.addr == "x"', None),
        ('instrumentation_scope.name == "sc2"', None),
        ('datapoint.value_int == 1 and HasAttrKeyOnDatapoint("k")', None),
        ("name ==", None),
    ],
)
def test_inference(text: str, expected: str | None) -> None:
    """The lowest level named, or the first lower one that has all functions and enums; else an error."""
    try:
        found: str | None = infer_context(text)
    except OttlBuildError:
        found = None
    assert found == expected
