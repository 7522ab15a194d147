"""Hypothesis strategies, one section for each language."""

from __future__ import annotations

from hypothesis import strategies as st

from query.duration_tree import DurationOperation, QueryTime
from query.labels import METRIC_NAME, Matcher, MatchOp
from query.regex import build_matcher
from query.signatures import AGGREGATIONS, FUNCTIONS
from query.syntax import (
    Aggregation,
    AtEdge,
    Binary,
    BinaryOp,
    Call,
    Expr,
    Grouping,
    Matching,
    MatrixSelector,
    NumberLiteral,
    Reach,
    Side,
    StringLiteral,
    Subquery,
    Unary,
    UnaryOp,
    VectorSelector,
)
from query.values import ValueType
from receivers.model import (
    AnyValue,
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

# -- promql ----------------------------------------------------------------------------------------

_WORDS = [
    "x",
    "req_total",
    "job:x:rate5m",
    "sum",
    "rate",
    "by",
    "on",
    "bool",
    "offset",
    "inf",
    "NaN",
    "start",
    "group_left",
    "or",
    "a.b/c-d",
    "ä ö",
]
_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
_labels = st.one_of(
    st.sampled_from(["a", "le", "by", "inf", "host.name", "ä", "x:y"]), _texts.filter(len)
)
_label_lists = st.lists(_labels.filter(lambda name: name != METRIC_NAME), max_size=2).map(tuple)
_durations_ms = st.sampled_from([1, 1000, 61_001, 300_000, 90_000_000, 365 * 86_400_000])
_times = st.one_of(
    st.none(), st.sampled_from(AtEdge), st.sampled_from([-1500, 0, 1, 60_000, 1_700_000_000_123])
)
_offsets_ms = st.one_of(st.just(0), st.sampled_from([-60_000, 1, 300_000]))


_trees = st.recursive(
    st.sampled_from(QueryTime),
    lambda below: st.one_of(
        st.builds(
            DurationOperation,
            st.sampled_from(["+", "-", "*", "/", "%", "^", "min_of", "max_of"]),
            st.one_of(below, st.sampled_from([0.001, 1.0, 300.0])),
            below,
        ),
        st.builds(DurationOperation, st.sampled_from(["+", "-"]), st.none(), below),
    ),
    max_leaves=4,
)
"""Durations that depend on the query's times."""


@st.composite
def matchers(draw: st.DrawFn) -> Matcher:
    """Any matcher on any label but the name."""
    op = draw(st.sampled_from(MatchOp))
    if op in {MatchOp.EQUAL, MatchOp.NOT_EQUAL}:
        return build_matcher(draw(_labels), op, draw(_texts))
    return build_matcher(
        draw(_labels), op, draw(st.sampled_from(["", "a|b", "x.*", ".+", "(?i)a"]))
    )


@st.composite
def selectors(draw: st.DrawFn) -> VectorSelector:
    """Instant vector selectors, with and without a name."""
    conditions = draw(st.lists(matchers(), max_size=3))
    names = st.one_of(st.sampled_from(_WORDS), _texts.filter(len))
    if draw(st.booleans()) or all(matcher.accepts("") for matcher in conditions):
        conditions.insert(0, build_matcher(METRIC_NAME, MatchOp.EQUAL, draw(names)))
    if draw(st.integers(0, 4)) == 0:
        conditions.append(build_matcher(METRIC_NAME, MatchOp.REGEX, "a|b"))
    offset = draw(st.one_of(_offsets_ms.map(lambda ms: (ms, None)), _trees.map(lambda t: (0, t))))
    return VectorSelector(
        matchers=tuple(conditions),
        offset_ms=offset[0],
        offset_tree=offset[1],
        at=draw(_times),
        reach=draw(st.sampled_from([None, Reach.SMOOTHED])),
    )


_numbers = st.floats(0, allow_nan=False).map(lambda value: NumberLiteral(value=abs(value)))
_strings = _texts.map(lambda value: StringLiteral(value=value))
_ranges = st.one_of(
    st.builds(MatrixSelector, selector=selectors(), range_ms=_durations_ms),
    st.builds(MatrixSelector, selector=selectors(), range_ms=st.just(0), range_tree=_trees),
)


def _unary(operand: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    return st.builds(Unary, op=st.sampled_from(UnaryOp), expr=operand)


@st.composite
def _arithmetic(
    draw: st.DrawFn, left: st.SearchStrategy[Expr], right: st.SearchStrategy[Expr]
) -> Expr:
    """Infix operators where one side at least is a scalar."""
    op = draw(st.sampled_from([op for op in BinaryOp if not op.is_set_operator]))
    return Binary(op=op, left=draw(left), right=draw(right), return_bool=op.is_comparison)


@st.composite
def _joined(draw: st.DrawFn, vectors: st.SearchStrategy[Expr]) -> Expr:
    """Infix operators between two vectors, with every kind of matching."""
    op = draw(st.sampled_from(BinaryOp))
    matching = None
    if draw(st.booleans()):
        on, labels = draw(st.booleans()), draw(_label_lists)
        many = None if op.is_set_operator else draw(st.sampled_from([None, *Side]))
        include = draw(_label_lists) if many else ()
        if on:
            include = tuple(label for label in include if label not in labels)
        matching = Matching(labels=labels, on=on, many=many, include=include)
    return_bool = op.is_comparison and draw(st.booleans())
    return Binary(
        op=op, left=draw(vectors), right=draw(vectors), return_bool=return_bool, matching=matching
    )


@st.composite
def _aggregated(
    draw: st.DrawFn, scalars: st.SearchStrategy[Expr], vectors: st.SearchStrategy[Expr]
) -> Expr:
    op = draw(st.sampled_from(sorted(AGGREGATIONS)))
    param = {ValueType.SCALAR: scalars, ValueType.STRING: _strings}.get(
        AGGREGATIONS[op] or ValueType.RANGE_VECTOR
    )
    grouping = st.one_of(st.none(), st.builds(Grouping, labels=_label_lists, without=st.booleans()))
    return Aggregation(
        op=op,
        expr=draw(vectors),
        param=draw(param) if param is not None else None,
        grouping=draw(grouping),
    )


@st.composite
def _called(
    draw: st.DrawFn,
    returns: ValueType,
    scalars: st.SearchStrategy[Expr],
    vectors: st.SearchStrategy[Expr],
) -> Expr:
    """A call of any function that returns this type."""
    name = draw(
        st.sampled_from(
            [name for name, signature in FUNCTIONS.items() if signature.returns is returns]
        )
    )
    signature = FUNCTIONS[name]
    subqueries = st.builds(
        Subquery,
        expr=vectors,
        range_ms=_durations_ms,
        step_ms=st.one_of(st.none(), _durations_ms),
        offset_ms=_offsets_ms,
        at=_times,
    )
    arguments: dict[ValueType, st.SearchStrategy[Expr]] = {
        ValueType.SCALAR: scalars,
        ValueType.INSTANT_VECTOR: vectors,
        ValueType.RANGE_VECTOR: st.one_of(_ranges, subqueries),
        ValueType.STRING: _strings,
    }
    count = draw(st.integers(signature.required, len(signature.types)))
    types = signature.types[:count]
    if signature.repeats:
        types += (signature.types[-1],) * draw(st.integers(0, 2))
    return Call(name=name, args=tuple(draw(arguments[kind]) for kind in types))


def _grown(
    scalars: st.SearchStrategy[Expr], vectors: st.SearchStrategy[Expr]
) -> tuple[st.SearchStrategy[Expr], st.SearchStrategy[Expr]]:
    """Return expressions one level higher than the given ones."""
    higher_scalars = st.one_of(
        scalars,
        _unary(scalars),
        _arithmetic(scalars, scalars),
        _called(ValueType.SCALAR, scalars, vectors),
    )
    higher_vectors = st.one_of(
        vectors,
        _unary(vectors),
        _arithmetic(vectors, scalars),
        _arithmetic(scalars, vectors),
        _joined(vectors),
        _aggregated(scalars, vectors),
        _called(ValueType.INSTANT_VECTOR, scalars, vectors),
    )
    return higher_scalars, higher_vectors


def expressions(levels: int = 3) -> st.SearchStrategy[Expr]:
    """Well-typed expression trees of every node, operator and function."""
    scalars: st.SearchStrategy[Expr] = _numbers
    vectors: st.SearchStrategy[Expr] = selectors()
    for _ in range(levels):
        scalars, vectors = _grown(scalars, vectors)
    return st.one_of(scalars, vectors, _strings, _ranges)


# -- metrics ---------------------------------------------------------------------------------------

_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(),
        st.binary(max_size=4),
        _texts,
        st.sampled_from(["a", "b", "5", "1.5", "true", "nil", "0x01", " a b "]),
    ),
    lambda below: st.one_of(
        st.lists(below, max_size=2), st.dictionaries(_texts.filter(len), below, max_size=2)
    ),
    max_leaves=3,
)
attributes: st.SearchStrategy[dict[str, AnyValue]] = st.dictionaries(
    st.sampled_from(["a", "b", "k", "host", "é x", "$1"]), _values, max_size=3
)
"""Attributes of every kind, under few keys."""

_optional_doubles = st.one_of(st.none(), st.floats())
_moments = st.sampled_from([0, 1_700_000_000, 1_700_000_000_500_000_000, 1_700_000_060_000_000_001])
_counts = st.integers(0, 2**40)
_count_lists = st.lists(_counts, max_size=3)
_buckets = st.builds(ExponentialBuckets, offset=st.integers(-50, 50), bucket_counts=_count_lists)
_of_points = {
    "attributes": attributes,
    "time_unix_nano": _moments,
    "start_time_unix_nano": _moments,
    "flags": st.integers(0, 1),
}
_number_points = st.builds(
    NumberDataPoint,
    value=st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.floats()),
    **_of_points,
)
_histogram_points = st.builds(
    HistogramDataPoint,
    count=_counts,
    sum=_optional_doubles,
    min=_optional_doubles,
    max=_optional_doubles,
    explicit_bounds=st.lists(st.floats(), max_size=2),
    bucket_counts=_count_lists,
    **_of_points,
)


@st.composite
def _exponential_points(draw: st.DrawFn) -> ExponentialHistogramDataPoint:
    point = draw(
        st.builds(
            ExponentialHistogramDataPoint,
            scale=st.integers(-10, 20),
            zero_count=_counts,
            zero_threshold=st.floats(0, 1e300),
            positive=_buckets,
            negative=_buckets,
            sum=_optional_doubles,
            min=_optional_doubles,
            max=_optional_doubles,
            **_of_points,
        )
    )
    counts = point.positive.bucket_counts + point.negative.bucket_counts
    point.count = point.zero_count + sum(counts)
    return point


_summary_points = st.builds(
    SummaryDataPoint,
    count=_counts,
    sum=st.floats(),
    quantile_values=st.lists(st.builds(QuantileValue, st.floats(0, 1), st.floats()), max_size=2),
    **_of_points,
)
_points: dict[MetricType, st.SearchStrategy[DataPoint]] = {
    MetricType.GAUGE: _number_points,
    MetricType.SUM: _number_points,
    MetricType.HISTOGRAM: _histogram_points,
    MetricType.EXPONENTIAL_HISTOGRAM: _exponential_points(),
    MetricType.SUMMARY: _summary_points,
}
_of_time = {MetricType.SUM, MetricType.HISTOGRAM, MetricType.EXPONENTIAL_HISTOGRAM}


@st.composite
def metrics(draw: st.DrawFn) -> Metric:
    """Metrics of every kind under few names, with points no sender would send too."""
    kind = draw(st.sampled_from(MetricType))
    header = MetricHeader(
        name=draw(st.sampled_from(["m1", "m2", "sys.cpu", "a b", ""])),
        unit=draw(st.sampled_from(["", "s", 'a "b"'])),
        type=kind,
        temporality=draw(st.sampled_from(Temporality)) if kind in _of_time else Temporality(0),
        is_monotonic=kind is MetricType.SUM and draw(st.booleans()),
    )
    points = draw(st.lists(_points[kind], max_size=3)) if kind in _points else []
    return Metric(header, data_points=points)


_scopes = st.builds(
    Scope,
    name=st.sampled_from(["", "sc", "a b"]),
    version=st.sampled_from(["", "1.2"]),
    attributes=attributes,
)
payloads = st.lists(
    st.builds(
        ResourceMetrics,
        st.builds(Resource, attributes=attributes),
        st.lists(st.builds(ScopeMetrics, _scopes, st.lists(metrics(), max_size=3)), max_size=2),
    ),
    min_size=1,
    max_size=2,
)
"""What one message holds."""
