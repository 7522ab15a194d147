"""Editors of metrics: what they make of values, buckets and headers (ottl.md 6.4)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.ottl.editors.templates import glob_to_pattern, parse_template, replace_matches
from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.evaluation import EditContext
from daemon.ottl.functions.patterns import compile_pattern
from daemon.ottl.replacements import Replacements
from daemon.ottl.statement import compile_statement
from receivers.model import (
    DataPoint,
    ExponentialBuckets,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    MetricHeader,
    MetricType,
    NumberDataPoint,
    QuantileValue,
    Resource,
    ResourceMetrics,
    Scope,
    ScopeMetrics,
    SummaryDataPoint,
    Temporality,
)

TYPES = {
    NumberDataPoint: MetricType.GAUGE,
    HistogramDataPoint: MetricType.HISTOGRAM,
    ExponentialHistogramDataPoint: MetricType.EXPONENTIAL_HISTOGRAM,
    SummaryDataPoint: MetricType.SUMMARY,
}


def number(
    value: float | None, time: int = 1, start: int = 0, **attributes: str
) -> NumberDataPoint:
    return NumberDataPoint(
        value=value, time_unix_nano=time, start_time_unix_nano=start, attributes=dict(attributes)
    )


def histogram(counts: list[int], bounds: list[float], **fields: Any) -> HistogramDataPoint:
    return HistogramDataPoint(
        count=sum(counts), bucket_counts=counts, explicit_bounds=bounds, **fields
    )


def run(statement: str, *points: DataPoint, at_point: int | None = None) -> list[Metric]:
    """Return the metrics after a statement on one metric: cumulative, but for gauges and summaries."""
    kind = TYPES[type(points[0])]
    temporality = Temporality.CUMULATIVE if "HISTOGRAM" in kind.name else Temporality.UNSPECIFIED
    header = MetricHeader(name="m", description="d", unit="s", type=kind, temporality=temporality)
    metric = Metric(header, data_points=points)
    context = EditContext(
        ResourceMetrics(Resource(), []),
        ScopeMetrics(Scope(), [metric]),
        metric,
        metric.data_points[at_point] if at_point is not None else None,
    )
    level = "metric" if at_point is None else "datapoint"
    compile_statement(statement, level).run(context)
    assert context.scope_metrics is not None
    return context.scope_metrics.metrics


def values(metric: Metric) -> list[int | float | None]:
    return [point.value for point in metric.data_points if isinstance(point, NumberDataPoint)]


@pytest.mark.parametrize(
    ("function", "ints", "floats"),
    [
        ("sum", 11, 11.5),
        ("max", 7, 7.5),
        ("min", 1, 1.0),
        ("mean", 3, 11.5 / 3),
        ("median", 3, 3.0),
        ("count", 3, 3.0),
    ],
)
def test_aggregation(function: str, ints: int, floats: float) -> None:
    """Points with equal attributes and times merge; ints stay ints."""
    statement = f'aggregate_on_attributes("{function}", [])'
    (metric,) = run(statement, number(7, a="x"), number(1, a="y"), number(3), number(5, time=2))
    assert [type(value) for value in values(metric)] == [int, int]
    assert values(metric)[0] == ints
    (metric,) = run(statement, number(7.5, a="x"), number(1.0, a="y"), number(3, a="z"))
    assert values(metric) == [floats]


def test_aggregation_of_what_is_not_known() -> None:
    """Points without a value take no part; the start is the earliest that is known."""
    (metric,) = run(
        'aggregate_on_attributes("mean", [])',
        number(None, start=9),
        number(-7, start=0),
        number(2, start=5),
    )
    (point,) = metric.data_points
    assert (values(metric), point.start_time_unix_nano) == ([-2], 5)
    (metric,) = run('aggregate_on_attributes("sum", [])', number(None), number(None))
    assert values(metric) == [None]


def test_aggregation_keeps_what_is_listed() -> None:
    """Only the listed attributes are left."""
    (metric,) = run(
        'aggregate_on_attributes("sum", ["a"])',
        number(1, a="x", b="1"),
        number(2, a="x", b="2"),
        number(4, a="y"),
    )
    assert [(dict(p.attributes), v) for p, v in zip(metric.data_points, values(metric), strict=True)] == [
        ({"a": "x"}, 3),
        ({"a": "y"}, 4),
    ]  # fmt: skip


def test_aggregation_on_a_value() -> None:
    """Listed values of one attribute become one."""
    (metric,) = run(
        'aggregate_on_attribute_value("sum", "a", ["x", "y"], "xy")',
        number(1, a="x"),
        number(2, a="y"),
        number(4, a="z"),
    )
    assert values(metric) == [3, 4]
    assert metric.data_points[0].attributes == {"a": "xy"}


def test_aggregation_of_histograms() -> None:
    """Histograms of equal bounds merge by their sum whatever the function."""
    (metric,) = run(
        'aggregate_on_attributes("max", [])',
        histogram([1, 2], [1.0], sum=3.0, min=0.5, max=2.0),
        histogram([3, 4], [1.0], sum=4.0, min=0.1, max=9.0),
        histogram([3, 4], [2.0], sum=4.0),
    )
    first, second = metric.data_points
    assert first == histogram([4, 6], [1.0], sum=7.0, min=0.1, max=9.0)
    assert second == histogram([3, 4], [2.0], sum=4.0)


def exponential(offset: int, counts: list[int], **fields: Any) -> ExponentialHistogramDataPoint:
    return ExponentialHistogramDataPoint(
        count=sum(counts) + fields.get("zero_count", 0),
        positive=ExponentialBuckets(offset=offset, bucket_counts=counts),
        **fields,
    )


def test_aggregation_of_exponential_histograms() -> None:
    """Buckets of equal scale are laid over each other."""
    (metric,) = run(
        'aggregate_on_attributes("sum", [])',
        exponential(0, [1, 2], zero_count=1),
        exponential(1, [3, 4], zero_count=2),
    )
    assert metric.data_points == [exponential(0, [1, 5, 4], zero_count=3)]
    with pytest.raises(OttlEvaluationError):
        run(
            'aggregate_on_attributes("sum", [])',
            exponential(-(2**31), [1]),
            exponential(2**31 - 1, [1]),
        )


def test_scale() -> None:
    """Values are multiplied, ints truncated; bounds and quantiles are values, too."""
    (metric,) = run("scale_metric(0.5)", number(5), number(-5), number(1.5), number(None))
    assert values(metric) == [2, -2, 0.75, None]
    (metric,) = run("scale_metric(1000.0)", histogram([1, 2], [1.0], sum=3.0, min=0.5, max=2.0))
    assert metric.data_points == [histogram([1, 2], [1000.0], sum=3000.0, min=500.0, max=2000.0)]
    (metric,) = run(
        "scale_metric(2.0)",
        SummaryDataPoint(count=1, sum=1.5, quantile_values=[QuantileValue(0.5, 2.0)]),
    )
    assert metric.data_points == [
        SummaryDataPoint(count=1, sum=3.0, quantile_values=[QuantileValue(0.5, 4.0)])
    ]


def test_scale_all_or_nothing() -> None:
    """A value that no longer fits leaves the metric as it was."""
    points = [number(1), number(2**62)]
    with pytest.raises(OttlEvaluationError):
        run("scale_metric(1000.0)", *points)
    assert [point.value for point in points] == [1, 2**62]


def test_extract() -> None:
    """Count and sum become metrics of their own, behind the one that they come from."""
    point = histogram([1, 2], [1.0], sum=3.5)
    point.attributes, point.time_unix_nano, point.start_time_unix_nano = {"a": "x"}, 5, 4
    _, made = run("extract_count_metric(true)", point)
    header = made.header
    assert (header.name, header.description, header.unit) == ("m_count", "d", "1")
    assert (header.type, header.temporality, header.is_monotonic) == (
        MetricType.SUM,
        Temporality.CUMULATIVE,
        True,
    )
    assert made.data_points == [number(3, time=5, start=4, a="x")]
    _, made = run('extract_sum_metric(false, ".sum")', point)
    assert (made.header.name, made.header.unit, made.header.is_monotonic) == ("m.sum", "s", False)
    assert values(made) == [3.5]
    assert len(run("extract_sum_metric(true)", histogram([1], []))) == 1


def test_summaries() -> None:
    """Count, sum and quantiles of a summary become metrics."""
    point = SummaryDataPoint(
        count=4, sum=8.0, quantile_values=[QuantileValue(0.5, 2.0), QuantileValue(1.0, 3.0)]
    )
    _, made = run('convert_summary_count_val_to_sum("delta", true)', point)
    assert (made.header.name, made.header.temporality, values(made)) == ("m_count", 1, [4])
    _, made = run(
        'convert_summary_sum_val_to_sum("cumulative", false, ".s")', point, point, at_point=1
    )
    assert (made.header.name, made.header.unit, values(made)) == ("m.s", "s", [8.0, 8.0])
    _, made = run("convert_summary_quantile_val_to_gauge()", point)
    assert (made.header.name, made.header.type, values(made)) == (
        "m.quantiles",
        MetricType.GAUGE,
        [2.0, 3.0],
    )
    assert [p.attributes for p in made.data_points] == [{"quantile": "0.5"}, {"quantile": "1"}]
    _, made = run("extract_count_metric(true)", point)
    assert made.header.temporality is Temporality.CUMULATIVE


def test_one_metric_for_all_points_of_a_summary() -> None:
    """A statement that runs on each point adds its metric once."""
    points = [SummaryDataPoint(count=1), SummaryDataPoint(count=2)]
    header = MetricHeader(name="m", type=MetricType.SUMMARY)
    metric = Metric(header, data_points=points)
    scoped = ScopeMetrics(Scope(), [metric])
    context = EditContext(ResourceMetrics(Resource(), [scoped]), scoped, metric)
    statement = compile_statement('convert_summary_count_val_to_sum("delta", true)', "datapoint")
    for context.data_point in points:
        statement.run(context)
    assert [values(made) for made in scoped.metrics] == [[], [1, 2]]


@pytest.mark.parametrize(
    ("percentile", "point", "expected"),
    [
        ("50.0", histogram([0, 10, 0], [1.0, 2.0]), 1.5),
        ("10.0", histogram([10, 0, 0], [1.0, 2.0]), 0.1),
        ("50.0", histogram([10, 0, 0], [1.0, 2.0], min=0.5), 0.75),
        ("50.0", histogram([10, 0], [-1.0]), -1.0),
        ("50.0", histogram([0, 0, 10], [1.0, 2.0]), 2.0),
        ("50.0", histogram([0, 0, 10], [1.0, 2.0], max=4.0), 3.0),
        ("90.0", histogram([5, 5], [1.0], max=2.0), 1.8),
        ("50.0", histogram([10], [], min=0.0, max=1.0), 0.5),
        ("50.0", exponential(2, [4]), 4.0 * 2**0.5),
        ("50.0", exponential(0, [], zero_count=4), 0.0),
    ],
)
def test_percentiles(percentile: str, point: DataPoint, expected: float) -> None:
    """A percentile is interpolated inside its bucket."""
    _, made = run(f"extract_percentile_metric({percentile})", point)
    assert values(made) == [pytest.approx(expected)]
    assert made.header.name == f"m_p{percentile.removesuffix('.0')}"
    assert made.header.type is MetricType.GAUGE


@pytest.mark.parametrize(
    "point", [histogram([0, 0], [1.0]), histogram([], []), histogram([10], [])]
)
def test_no_percentile(point: DataPoint) -> None:
    """Of nothing there is no percentile, and no 0 in its place."""
    assert len(run("extract_percentile_metric(50.0)", point)) == 1


@pytest.mark.parametrize(
    ("distribution", "expected"),
    [
        # Buckets (4, 8], (8, 16] and (16, 32].
        ("upper", [1, 0, 3, 4, 5]),
        ("midpoint", [1, 0, 7, 0, 5]),
        ("uniform", [1, 2, 3, 5, 2]),
    ],
)
def test_explicit_bounds(distribution: str, expected: list[int]) -> None:
    """An exponential histogram's counts go to the buckets that hold their values, and no value is lost."""
    statement = (
        f'convert_exponential_histogram_to_histogram("{distribution}", [0.0, 5.0, 12.0, 20.0])'
    )
    (metric,) = run(statement, exponential(2, [3, 4, 5], zero_count=1))
    (point,) = metric.data_points
    assert isinstance(point, HistogramDataPoint)
    assert point.bucket_counts == expected
    assert metric.header.type is MetricType.HISTOGRAM


BUCKETS = st.builds(
    ExponentialBuckets,
    offset=st.integers(-(2**31), 2**31 - 1),
    bucket_counts=st.lists(st.integers(0, 2**40), max_size=4),
)


@given(
    st.sampled_from(["upper", "midpoint", "uniform", "random"]),
    BUCKETS,
    BUCKETS,
    st.integers(-(2**31), 2**31 - 1),
    st.integers(0, 9),
)
def test_no_count_is_lost(
    distribution: str,
    positive: ExponentialBuckets,
    negative: ExponentialBuckets,
    scale: int,
    zero_count: int,
) -> None:
    """Every bucket has its place, however odd."""
    count = zero_count + sum(positive.bucket_counts) + sum(negative.bucket_counts)
    point = ExponentialHistogramDataPoint(
        count=count, scale=scale, zero_count=zero_count, positive=positive, negative=negative
    )
    statement = f'convert_exponential_histogram_to_histogram("{distribution}", [0.5, 5.0])'
    (metric,) = run(statement, point)
    (made,) = metric.data_points
    assert isinstance(made, HistogramDataPoint)
    assert (sum(made.bucket_counts), len(made.bucket_counts)) == (count, 3)
    run("extract_percentile_metric(99.0)", point)


@pytest.mark.parametrize(
    ("arguments", "counts", "bounds"),
    [
        ("2.0", [1, 5, 4, 5], [1.0, 3.0, 4.0]),
        ("4.0", [1, 2, 3, 9], [1.0, 2.0, 3.0]),
        ("2.5", [1, 2, 3, 4, 5], [1.0, 2.0, 3.0, 4.0]),
        ('3, "limit_buckets"', [3, 7, 5], [2.0, 4.0]),
        ('2, "limit_buckets"', [6, 9], [3.0]),
        ('1, "limit_buckets"', [15], []),
        ('5, method="limit_buckets"', [1, 2, 3, 4, 5], [1.0, 2.0, 3.0, 4.0]),
    ],
)
def test_merge_buckets(arguments: str, counts: list[int], bounds: list[float]) -> None:
    """Neighbours merge; nothing else changes."""
    point = histogram([1, 2, 3, 4, 5], [1.0, 2.0, 3.0, 4.0])
    run(f"merge_histogram_buckets({arguments})", point)
    assert point == histogram(counts, bounds)


def test_merge_leaves_what_is_unsound() -> None:
    """Bounds and counts that do not fit each other are left alone."""
    point = histogram([1, 2, 3], [1.0])
    run("merge_histogram_buckets(1.0)", point)
    assert point == histogram([1, 2, 3], [1.0])


def test_replacements_are_bounded() -> None:
    """The oldest change is forgotten first; one that changes nothing gives the object itself."""
    replacements = Replacements(limit=2)
    scope = Scope(name="a", attributes={"k": 1})
    first = replacements.replace(scope, "name", "b")
    assert replacements.replace(scope, "name", "b") is first
    assert replacements.replace(scope, "attributes", {"k": 1}) is scope
    assert replacements.replace(scope, "attributes", {"k": 1.0}) is not scope
    assert replacements.replace(scope, "attributes", {"k": True}) is not scope
    assert replacements.replace(scope, "name", "b") is not first


@given(st.text(), st.text())
def test_any_template(template: str, text: str) -> None:
    """Any template is expanded, and a pattern that matches everything leaves nothing else."""
    whole = compile_pattern(r"(?s)\A.*\z")
    expanded = replace_matches(whole, parse_template(template), text, lambda part: part)
    if "$" not in template:
        assert expanded == template


@given(st.text(alphabet="ab*?[]{},!^-\\", max_size=12), st.text(alphabet="ab"))
def test_any_glob(glob: str, text: str) -> None:
    """Any glob becomes a pattern, or is refused."""
    try:
        compiled = compile_pattern(glob_to_pattern(glob))
    except OttlEvaluationError:
        return
    compiled.search(text.encode())
