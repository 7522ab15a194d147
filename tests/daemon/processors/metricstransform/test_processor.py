"""What metricstransform leaves undecoded and remembers, and that it holds out against any data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.processors.metricstransform.exponential import MAX_BUCKETS, add_sides, moved_offset
from receivers.model import (
    ExponentialBuckets,
    ExponentialHistogramDataPoint,
    ResourceMetrics,
)
from tests.daemon.processors.attributes.test_identity import encoded
from tests.support import strategies
from tests.support.consumers import SinkConsumer
from tests.support.payloads import batch, payload
from tests.support.processing import build, process

RENAME = "{include: '^m', match_type: regexp, action: update, new_name: 'new_$$0'}"


def test_renames_and_copies_stay_on_the_wire() -> None:
    """Neither a new name nor a copy reads data points; the same header becomes the same, for windows know it so."""
    sink = SinkConsumer()
    insert = "{include: o, action: insert, new_name: p}"
    component = build("metricstransform", f"transforms: [{RENAME}, {insert}]", sink)
    metrics = [encoded("m"), encoded("o")]
    headers = [metric.header for metric in metrics]
    for _ in range(2):
        taken = batch("R{} S sc gauge x []")
        for metric, header in zip(metrics, headers, strict=True):
            metric.header = header
        taken.resource_metrics[0].scope_metrics[0].metrics = list(metrics)
        component.consume(taken)
        assert [m.header.name for _, _, m in sink.metrics()][-3:] == ["new_m", "o", "p"]
    found = [metric for _, _, metric in sink.metrics()]
    assert all(metric.encoded is not None for metric in found)
    assert found[0].header is found[3].header
    assert found[2].header is found[5].header
    assert found[1].header is headers[1]


def test_groups_keep_identity() -> None:
    """The same resource becomes the same one in a group."""
    sink = SinkConsumer()
    group = "{include: m, action: group, group_resource_labels: {t: u}}"
    component = build("metricstransform", f"transforms: [{group}]", sink)
    resource = payload("R{host=a}")[0].resource
    for _ in range(2):
        taken = batch("R{} gauge m [1]")
        taken.resource_metrics[0].resource = resource
        component.consume(taken)
    first, second = (taken.resource_metrics[0].resource for taken in sink.batches)
    assert first is second
    assert resource.attributes == {"host": "a"}


def test_copies_are_apart() -> None:
    """What is done to a copy is not seen in the original."""
    insert = """{include: m, action: insert, new_name: n, operations: [
        {action: update_label, label: k, new_label: l}, {action: toggle_scalar_data_type}]}"""
    became = process("metricstransform", f"transforms: [{insert}]", "gauge m [1{k=a}]").metrics
    assert became == ("gauge m [1{k=a}]", "gauge n [1.0{l=a}]")


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        pytest.param(
            "e(1;0;0;0:1,2,3,4;;5), e(0;0;0;0:1;;1)", "e(0;0;0.0;0:4,7;;6.0)", id="other scale"
        ),
        pytest.param(
            "e(2;1;0;-3:1,1;;5), e(1;2;0;-2:1;4:1;1)", "e(1;3;0.0;-2:2,1;4:1;6.0)", id="below 1"
        ),
        pytest.param("e(0;0;0;0:1;), e(0;0;0;0:1;;3)", "e(0;0;0.0;0:2;)", id="a sum is missing"),
        pytest.param(
            "e(0;1;0;0:1;;1;1;2), e(0;1;0;3:1;;1;0;8)",
            "e(0;2;0.0;0:1,0,0,1;;2.0;0.0;8.0)",
            id="extremes",
        ),
        pytest.param(
            "e(0;1;0;0:1;;1), e(0;1;0.5;0:1;;1)",
            "e(0;1;0.0;0:1;;1.0), e(0;1;0.5;0:1;;1.0)",
            id="other thresholds stay apart",
        ),
    ],
)
def test_exponentials(points: str, expected: str) -> None:
    """Exponential histograms are added at the smaller scale, where every bound is one of both."""
    aggregate = "{include: m, action: update, operations: [{action: aggregate_labels}]}"
    became = process("metricstransform", f"transforms: [{aggregate}]", f"cexp m [{points}]").metrics
    assert became == (f"cexp m [{expected}]",)


_INDEXES = st.integers(-(2**40), 2**40)
_COUNTS = st.lists(st.integers(0, 9), min_size=1, max_size=5)


@given(st.lists(st.tuples(st.integers(-10, 20), _INDEXES, _COUNTS), min_size=1, max_size=3))
def test_sums_are_bounded(sides: list[tuple[int, int, list[int]]]) -> None:
    """However far apart buckets lie, a sum has few and loses no count."""
    points = [
        ExponentialHistogramDataPoint(
            scale=scale, positive=ExponentialBuckets(offset=offset, bucket_counts=counts)
        )
        for scale, offset, counts in sides
    ]
    total = sum(sum(counts) for _, _, counts in sides)
    add_sides(points)
    assert len(points[0].positive.bucket_counts) <= MAX_BUCKETS
    assert sum(points[0].positive.bucket_counts) == total


@given(_INDEXES, st.integers(-10, 20), st.floats(1e-300, 1e300))
def test_moved_offset(offset: int, scale: int, factor: float) -> None:
    """A factor above 1 never moves a bucket down, one below 1 never up, for any scale."""
    moved = moved_offset(offset, scale, factor)
    assert moved >= offset if factor >= 1 else moved <= offset


_OPERATIONS = st.sampled_from(
    [
        "{action: add_label, new_label: a, new_value: x}",
        "{action: update_label, label: a, new_label: b, value_actions: [{value: a, new_value: z}]}",
        "{action: delete_label_value, label: a, label_value: a}",
        *(
            f"{{action: aggregate_labels, label_set: [a], aggregation_type: '{how}'}}"
            for how in ("", "sum", "mean", "min", "max", "median", "count")
        ),
        "{action: aggregate_label_values, label: a, aggregated_values: [a, b], new_value: c, aggregation_type: sum}",
        "{action: experimental_scale_value, experimental_scale: -0.37}",
        "{action: experimental_scale_value, experimental_scale: 1.0e+300}",
        "{action: toggle_scalar_data_type}",
    ]
)
_TRANSFORMS = st.sampled_from(
    [
        "include: '.', match_type: regexp, action: update, new_name: 'x$$0'",
        "include: m1, action: insert, new_name: y",
        "include: '(.)', match_type: regexp, action: combine, new_name: z, aggregation_type: sum",
        "include: m2, experimental_match_labels: {a: a}, action: update, new_name: q",
        "include: m2, experimental_match_labels: {b: ''}, action: group, group_resource_labels: {g: h}",
    ]
)


@given(
    strategies.payloads,
    st.lists(st.tuples(_TRANSFORMS, st.lists(_OPERATIONS, max_size=3)), min_size=1, max_size=3),
)
def test_any_payload(
    metrics: list[ResourceMetrics], transforms: list[tuple[str, list[str]]]
) -> None:
    """Whatever comes in, nothing but metrics comes out, and every int in them fits 64 bits."""
    sink = SinkConsumer()
    listed = ", ".join(
        f"{{{transform}, operations: [{', '.join(operations)}]}}"
        for transform, operations in transforms
    )
    taken = batch("R{}")
    taken.resource_metrics = metrics
    build("metricstransform", f"transforms: [{listed}]", sink).consume(taken)
    for _, point in sink.data_points():
        value = getattr(point, "value", None)
        assert not isinstance(value, int) or -(2**63) <= value < 2**63
