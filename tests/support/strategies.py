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
