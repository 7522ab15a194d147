"""Settings of metricstransform that stop a start (otlp.md 4.3)."""

from __future__ import annotations

import pytest

from tests.support.processing import refusal

UPDATE = "{include: a, action: update, operations: "


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        pytest.param("{action: update}", "3:18: {0}.include: is required and missing", id="135"),
        pytest.param("{include: '', action: update}", "{0}.include: expected the name", id="empty"),
        pytest.param("{include: a}", "3:18: {0}.action: is required and missing", id="136"),
        pytest.param(
            "{include: a, action: nope}",
            "3:39: {0}.action: expected update, insert, combine or group, got 'nope'",
            id="138",
        ),
        pytest.param(
            "{include: a, match_type: expr, action: update}",
            "3:43: {0}.match_type: expected strict or regexp, got 'expr'",
            id="139",
        ),
        pytest.param(
            "{include: a, action: group}", "3:18: {0}: group needs group_resource_labels", id="141"
        ),
        pytest.param(
            "{include: a, action: insert}", "3:18: {0}: insert needs a new_name", id="insert"
        ),
        pytest.param(
            UPDATE + "[{action: update_label}]}",
            "3:60: {0}.operations[0]: update_label needs a label",
            id="144",
        ),
        pytest.param(
            UPDATE + "[{action: add_label, new_label: a}]}",
            "{0}.operations[0]: add_label needs a new_value",
            id="145",
        ),
        pytest.param(
            UPDATE + "[{action: add_label, new_value: a}]}",
            "{0}.operations[0]: add_label needs a new_label",
            id="no label",
        ),
        pytest.param(
            UPDATE + "[{action: aggregate_labels, aggregation_type: avg}]}",
            "{0}.operations[0].aggregation_type: expected sum, mean, min, max, median or count, got 'avg'",
            id="147",
        ),
        pytest.param(
            UPDATE + "[{action: experimental_scale_value}]}",
            "{0}.operations[0]: experimental_scale_value needs an experimental_scale",
            id="no factor",
        ),
        pytest.param(
            UPDATE + "[{action: experimental_scale_value, experimental_scale: .inf}]}",
            "{0}.operations[0]: experimental_scale_value needs an experimental_scale",
            id="infinite factor",
        ),
        pytest.param(
            UPDATE + "[{action: frobnicate}]}",
            "{0}.operations[0].action: expected add_label",
            id="op",
        ),
        pytest.param(
            "{include: a, action: update, submatch_case: title}",
            "3:62: {0}.submatch_case: expected lower or upper, got 'title'",
            id="148",
        ),
        pytest.param(
            "{metric_name: a, action: update}", "3:19: {0}.metric_name: unknown key", id="150"
        ),
        pytest.param(
            "{include: '(', match_type: regexp, action: combine}",
            "3:28: {0}.include: bad pattern",
            id="pattern",
        ),
        pytest.param(
            "{include: 'a)(?:b', match_type: regexp, action: update, new_name: c}",
            "3:28: {0}.include: bad pattern",
            id="closing bracket",
        ),
        pytest.param(
            "{include: a, match_type: regexp, action: update, experimental_match_labels: {k: '('}}",
            "{0}.experimental_match_labels.k: bad pattern",
            id="label pattern",
        ),
    ],
)
def test_refused(transform: str, expected: str) -> None:
    """A transform that cannot work is refused where it stands (135 to 150)."""
    found = refusal("metricstransform", f"transforms: [{transform}]")
    assert expected.replace("{0}", "processors.metricstransform.transforms[0]") in found
