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


# -- promql over data ------------------------------------------------------------------------------
# Texts over a small vocabulary, so that selectors find something and operands have partners.

_NAMES = ["c_total", "g", "h_bucket"]
_VALUES = {"a": ["1", "2", "3"], "b": ["", "u", "v"], "le": ["0.1", "1", "+Inf"]}
_WINDOWS = ["10s", "31s", "1m", "2m"]
_FILLINGS = ['a="1"', 'a!="1"', 'b=""', 'b=~"u|v"', 'a=~"1.*"', 'b!~"u"', 'le="1"']
_MODIFIERS = ["", "", "", " offset 30s", " offset -20s", " @ 100", " @ start()", " @ end()"]
_CLAUSES = ["", " by (a)", " by (a, b)", " without (a)", " without (le)", " by (__name__)"]
_MATCHINGS = ["", "", " on (a)", " on (a, b)", " ignoring (b)", " ignoring (a, le)", " on ()"]
_MANY = ["", "", " group_left ()", " group_right ()", " group_left (b)", " group_right (le)"]
_UNARY = [
    "abs",
    "ceil",
    "floor",
    "sqrt",
    "sgn",
    "sort",
    "sort_desc",
    "timestamp",
    "ln",
    "exp",
    "deg",
    "sin",
    "absent",
]
_OF_RANGES = [
    "rate",
    "increase",
    "delta",
    "irate",
    "idelta",
    "deriv",
    "resets",
    "changes",
    "sum_over_time",
    "avg_over_time",
    "min_over_time",
    "max_over_time",
    "count_over_time",
    "last_over_time",
    "first_over_time",
    "present_over_time",
    "stddev_over_time",
    "stdvar_over_time",
    "absent_over_time",
]
_FOLDS = ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"]
_floats = st.one_of(
    st.integers(-5, 20).map(float),
    st.sampled_from([0.5, 1e6, float("nan"), float("inf"), float("-inf"), -0.0]),
)


@st.composite
def series_values(draw: st.DrawFn, steps: int) -> list[float | None]:
    """Values of one series at each step: mostly ordinary ones, in runs as counters and gauges have them."""
    kind = draw(st.sampled_from(["counter", "gauge", "odd"]))
    if kind == "odd":
        return draw(st.lists(st.one_of(_floats, st.none()), min_size=steps, max_size=steps))
    numbers = draw(st.lists(st.integers(0, 9), min_size=steps, max_size=steps))
    gaps = draw(st.sets(st.integers(0, steps - 1), max_size=steps // 3))
    total, values = 0.0, list[float | None]()
    for i, number in enumerate(numbers):
        total = 0.0 if number == 0 and i % 3 == 0 else total + number
        values.append(None if i in gaps else total if kind == "counter" else float(number))
    return values


@st.composite
def datasets(
    draw: st.DrawFn, *, steps: int = 25, step_ms: int = 10_000
) -> dict[tuple[tuple[str, str], ...], list[tuple[int, float]]]:
    """Series of three metrics with labels of few values."""
    series = {}
    keys = st.tuples(st.sampled_from(_NAMES), *(st.sampled_from(v) for v in _VALUES.values()))
    for name, *values in draw(st.lists(keys, min_size=1, max_size=8, unique=True)):
        labels = {METRIC_NAME: name, **dict(zip(_VALUES, values, strict=True))}
        if name != "h_bucket":
            del labels["le"]
        numbers = draw(series_values(steps))
        samples = [(i * step_ms, v) for i, v in enumerate(numbers) if v is not None]
        series[tuple(sorted((k, v) for k, v in labels.items() if v))] = samples
    return series


@st.composite
def _selector_texts(draw: st.DrawFn) -> str:
    filling = ", ".join(draw(st.lists(st.sampled_from(_FILLINGS), max_size=2, unique=True)))
    name = draw(st.sampled_from([*_NAMES, ""]))
    if not name:
        return (
            "{"
            + ", ".join(['__name__=~"g|c_total"', filling] if filling else ['__name__!=""'])
            + "}"
        )
    return name + (f"{{{filling}}}" if filling else "")


@st.composite
def _range_texts(draw: st.DrawFn, vectors: st.SearchStrategy[str]) -> str:
    modifier, window = draw(st.sampled_from(_MODIFIERS)), draw(st.sampled_from(_WINDOWS))
    if draw(st.integers(0, 3)):
        return f"{draw(_selector_texts())}[{window}]{modifier}"
    step = draw(st.sampled_from(["", "10s", "7s"]))
    return f"({draw(vectors)})[{window}:{step}]{modifier}"


@st.composite
def _reaching_texts(draw: st.DrawFn) -> str:
    selector, modifier = draw(_selector_texts()), draw(st.sampled_from(_MODIFIERS))
    window, reach = draw(st.sampled_from(_WINDOWS)), draw(st.sampled_from(["anchored", "smoothed"]))
    if draw(st.integers(0, 5)) == 0:
        return f"{selector} smoothed{modifier}"
    function = draw(st.sampled_from(["rate", "increase", "delta", "resets", "changes"]))
    return f"{function}({selector}[{window}] {reach}{modifier})"


@st.composite
def _vector_texts(draw: st.DrawFn, vectors: st.SearchStrategy[str]) -> str:
    """One operation over vectors."""
    inner, number = draw(vectors), draw(st.sampled_from(["2", "-1.5", "0", "time()", "scalar(g)"]))
    samples = draw(_range_texts(vectors))
    match draw(
        st.sampled_from(
            [
                "unary",
                "range",
                "reach",
                "fold",
                "clamp",
                "scalar",
                "join",
                "set",
                "quantile",
                "label",
            ]
        )
    ):
        case "unary":
            return f"{draw(st.sampled_from(_UNARY))}({inner})"
        case "range":
            return f"{draw(st.sampled_from(_OF_RANGES))}({samples})"
        case "reach":
            return draw(_reaching_texts())
        case "fold":
            return f"{draw(st.sampled_from(_FOLDS))}{draw(st.sampled_from(_CLAUSES))} ({inner})"
        case "clamp":
            return draw(
                st.sampled_from(
                    [
                        f"clamp({inner}, 1, 5)",
                        f"clamp_max({inner}, {number})",
                        f"clamp_min({inner}, {number})",
                        f"round({inner}, 5)",
                        f"-({inner})",
                        f"vector({number})",
                        f"minute(timestamp({inner}))",
                    ]
                )
            )
        case "scalar":
            op = draw(
                st.sampled_from(
                    ["+", "-", "*", "/", "%", "^", "atan2", "==", "!=", "<", "<=", ">", ">="]
                )
            )
            modifier = " bool" if op in "==!=<=>=" and draw(st.booleans()) else ""
            left, right = (f"({inner})", number) if draw(st.booleans()) else (number, f"({inner})")
            return f"{left} {op}{modifier} {right}"
        case "join":
            op = draw(st.sampled_from(["+", "-", "*", "/", "==", "!=", "<", ">"]))
            modifier = " bool" if op in "==!=<>" and draw(st.booleans()) else ""
            matching = draw(st.sampled_from(_MATCHINGS))
            many = draw(st.sampled_from(_MANY)) if matching else ""
            if matching in {" on (a, b)", " ignoring (a, le)"}:
                many = many and many.partition(" (")[0] + " ()"
            return f"({inner}) {op}{modifier}{matching}{many} ({draw(vectors)})"
        case "set":
            op = draw(st.sampled_from(["and", "or", "unless"]))
            return f"({inner}) {op}{draw(st.sampled_from(_MATCHINGS))} ({draw(vectors)})"
        case "quantile":
            return draw(
                st.sampled_from(
                    [
                        f"quantile by (a) (0.3, {inner})",
                        f"quantile_over_time(0.7, {samples})",
                        f"predict_linear({samples}, 60)",
                        f"histogram_quantile(0.5, {inner})",
                        f'count_values by (b) ("v", {inner})',
                    ]
                )
            )
        case _:
            return draw(
                st.sampled_from(
                    [
                        f'label_replace({inner}, "b", "$1x", "a", "([12])")',
                        f'label_replace({inner}, "a", "", "a", ".*")',
                        f'label_join({inner}, "b", "-", "a", "le")',
                    ]
                )
            )


def query_texts(levels: int = 3) -> st.SearchStrategy[str]:
    """Well-typed PromQL over the series of `datasets`."""
    vectors: st.SearchStrategy[str] = st.builds(
        str.__add__, _selector_texts(), st.sampled_from(_MODIFIERS)
    )
    for _ in range(levels):
        vectors = st.one_of(vectors, _vector_texts(vectors))
    return vectors
