"""Whole filters on whole batches: dropping, pruning and error modes, as the collector does it (ottl.md 7.3)."""

from __future__ import annotations

import pytest

from tests.daemon.processors.filter.payloads import big
from tests.daemon.processors.filter.run import run

UNTOUCHED = "R{S{m1:2 m2:1 m3:0 m4:0} S{m5:1}} R{S{m1:1} S{}} R{}"
PRUNED = "R{S{m1:2 m2:1 m3:0 m4:0} S{m5:1}} R{S{m1:1}}"


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        pytest.param("{}", UNTOUCHED, id="P1 nothing configured"),
        pytest.param("metrics: {metric: []}", PRUNED, id="P2 empty list"),
        pytest.param("metrics: {metric: [false]}", PRUNED, id="P3 never"),
        pytest.param(
            """metrics: {metric: ['name == "m1"']}""",
            "R{S{m2:1 m3:0 m4:0} S{m5:1}}",
            id="P5 by name",
        ),
        pytest.param("metrics: {metric: [true]}", "nothing", id="P7 always"),
        pytest.param(
            """metrics: {datapoint: ['attributes["k"] == "a"']}""",
            "R{S{m1:1 m3:0} S{m5:1}} R{S{m1:1}}",
            id="P9 data points",
        ),
        pytest.param("metrics: {datapoint: [true]}", "R{S{m3:0}}", id="P11 all data points"),
        pytest.param(
            "metrics: {datapoint: []}",
            "R{S{m1:2 m2:1 m3:0} S{m5:1}} R{S{m1:1}}",
            id="an empty list of data point conditions removes metrics without points",
        ),
        pytest.param(
            "metrics: {resource: [false]}",
            "R{S{m1:2 m2:1 m3:0 m4:0} S{m5:1}} R{S{m1:1} S{}}",
            id="P13 resource only",
        ),
        pytest.param(
            """metrics: {resource: ['attributes["host"] == "a"']}""",
            "R{S{m1:1} S{}}",
            id="a resource",
        ),
        pytest.param(
            """metrics: {metric: ['resource.attributes["host"]["x"] == 1', 'name == "m1"']}""",
            "R{S{m2:1 m3:0 m4:0} S{m5:1}}",
            id="P15 the next condition is tried after an error",
        ),
        pytest.param(
            """{metrics: {metric: ['name == "m1"']}, error_mode: IGNORE}""",
            "R{S{m2:1 m3:0 m4:0} S{m5:1}}",
            id="P19 any letter case",
        ),
        pytest.param(
            """metrics: {metric: 'name == "m1"'}""",
            "R{S{m2:1 m3:0 m4:0} S{m5:1}}",
            id="P25 scalar",
        ),
        pytest.param(
            """metrics: {metric: 'name == "m1",name == "m2"'}""",
            "R{S{m3:0 m4:0} S{m5:1}}",
            id="a scalar is split at commas",
        ),
        pytest.param(
            """metric_conditions: ['resource.attributes["host"] == "a"', 'metric.name == "m1"']""",
            "nothing",
            id="P31",
        ),
        pytest.param(
            """metric_conditions: ['metric.name == "m1" and datapoint.value_int == 1']""",
            "R{S{m1:1 m2:1 m3:0} S{m5:1}} R{S{m1:1}}",
            id="P33",
        ),
        pytest.param(
            """metric_conditions: ['resource.attributes["host"] == "a" and METRIC_DATA_TYPE_SUM == 2']""",
            "R{S{m3:0}} R{S{m1:1}}",
            id="P37 an enum moves it to the data points",
        ),
        pytest.param(
            """metric_conditions: [{conditions: ['metric.name == "m1"']}, {conditions: ['metric.name == "m2"']}]""",
            "R{S{m3:0 m4:0} S{m5:1}}",
            id="P39 one pass after the other",
        ),
        pytest.param(
            """
            metric_conditions:
              - resource.attributes["host"] == "b"
              - datapoint.value_int == 2
              - scope.name == "sc2"
            """,
            "R{S{m1:1 m2:1 m3:0}}",
            id="P41 grouped by context",
        ),
        pytest.param(
            "metrics: {metric: ['UnixMilli(Now()) == 1700000000000']}",
            "nothing",
            id="the time is when the batch was received",
        ),
        pytest.param("metric_conditions: []", UNTOUCHED, id="an empty list is absent"),
        pytest.param(
            "metric_conditions: [{context: Metric}]",
            "R{S{m1:2 m2:1 m3:0 m4:0} S{m5:1}} R{S{m1:1} S{}}",
            id="an object without conditions prunes resources without scopes",
        ),
        pytest.param(
            """metric_conditions: [{context: DATAPOINT, conditions: ['attributes["k"] == "a"']}]""",
            "R{S{m1:1 m3:0} S{m5:1}} R{S{m1:1}}",
            id="with a context paths need no prefix",
        ),
    ],
)
def test_what_is_left(configuration: str, expected: str) -> None:
    """The filter leaves what the collector's leaves."""
    assert run(configuration, big()).left == expected
