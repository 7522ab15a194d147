"""Walks the expression tree once for each time that is asked about."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from query.labels import METRIC_NAME, Labels, MatchOp
from query.syntax import (
    Aggregation,
    AtEdge,
    Binary,
    Call,
    Expr,
    MatrixSelector,
    NumberLiteral,
    Reach,
    StringLiteral,
    Subquery,
    Unary,
    UnaryOp,
    VectorSelector,
)
from tests.support.promtest.series import is_stale
from tests.support.slow_promql import ranges
from tests.support.slow_promql.elementwise import CALENDAR, ELEMENTWISE
from tests.support.slow_promql.floats import RefusedError, larger, quantile, round_to, smaller
from tests.support.slow_promql.histograms import bucket_fraction, bucket_quantile
from tests.support.slow_promql.vectors import (
    Vector,
    aggregated,
    combined,
    drop,
    infix,
    joined,
    nameless,
    unique,
    with_label,
)

Series = Mapping[Labels, Sequence[tuple[int, float]]]
Value = Vector | float | str
_Windows = list[tuple[Labels, list[tuple[int, float]]]]
DEFAULT_STEP_MS = 60_000


class SlowPromql:
    """Answers queries over series given whole; names are dropped at once (promql.md 2.13)."""

    def __init__(self, series: Series, *, lookback_ms: int = 300_000) -> None:
        self._series = {k: sorted(v, key=lambda sample: sample[0]) for k, v in series.items()}
        self._lookback_ms = lookback_ms
        self._edges = {AtEdge.START: 0, AtEdge.END: 0}

    def instant(self, expr: Expr, at_ms: int) -> Value | _Windows:
        """Return the value at one time; a range vector as its windows."""
        self._edges = {AtEdge.START: at_ms, AtEdge.END: at_ms}
        if isinstance(expr, MatrixSelector | Subquery):
            windows, _ = self._windows(expr, at_ms)
            return windows
        return self._value(expr, at_ms)

    def range(
        self, expr: Expr, start_ms: int, end_ms: int, step_ms: int
    ) -> dict[Labels, list[tuple[int, float]]]:
        """Return the points of each series; a scalar is the series without labels."""
        self._edges = {AtEdge.START: start_ms, AtEdge.END: end_ms}
        points: dict[Labels, list[tuple[int, float]]] = {}
        for at_ms in range(start_ms, end_ms + 1, step_ms):
            value = self._value(expr, at_ms)
            assert not isinstance(value, str)
            for labels, number in [((), value)] if isinstance(value, float) else value:
                points.setdefault(labels, []).append((at_ms, number))
        return points

    # -- nodes -------------------------------------------------------------------------------------

    def _value(self, expr: Expr, at_ms: int) -> Value:
        match expr:
            case NumberLiteral() | StringLiteral():
                return expr.value
            case VectorSelector():
                return [(labels, value) for labels, _, value in self._newest(expr, at_ms)]
            case Unary():
                return self._unary(expr, at_ms)
            case Binary():
                return self._binary(expr, at_ms)
            case Aggregation():
                parameter = None if expr.param is None else self._value(expr.param, at_ms)
                assert parameter is None or isinstance(parameter, float | str)
                return aggregated(expr, self._vector(expr.expr, at_ms), parameter)
            case Call():
                return self._call(expr, at_ms)
            case _:
                raise AssertionError(f"a range vector has no value of its own: {expr}")

    def _vector(self, expr: Expr, at_ms: int) -> Vector:
        value = self._value(expr, at_ms)
        assert isinstance(value, list)
        return value

    def _number(self, expr: Expr, at_ms: int) -> float:
        value = self._value(expr, at_ms)
        assert isinstance(value, float)
        return value

    def _text(self, expr: Expr) -> str:
        assert isinstance(expr, StringLiteral)
        return expr.value

    def _matched(self, selector: VectorSelector) -> list[Labels]:
        return [
            labels
            for labels in self._series
            if all(m.accepts(dict(labels).get(m.name, "")) for m in selector.matchers)
        ]

    def _pinned(self, node: VectorSelector | Subquery, at_ms: int) -> int:
        if node.at is not None:
            at_ms = self._edges[node.at] if isinstance(node.at, AtEdge) else node.at
        return at_ms - node.offset_ms

    def _newest(self, selector: VectorSelector, at_ms: int) -> list[tuple[Labels, int, float]]:
        at_ms = self._pinned(selector, at_ms)
        if selector.reach is Reach.SMOOTHED:
            return self._smoothed(selector, at_ms)
        found = []
        for labels in self._matched(selector):
            visible = [
                sample
                for sample in self._series[labels]
                if at_ms - self._lookback_ms < sample[0] <= at_ms
            ]
            if visible and not is_stale(visible[-1][1]):
                found.append((labels, *visible[-1]))
        return found

    def _smoothed(self, selector: VectorSelector, at_ms: int) -> list[tuple[Labels, int, float]]:
        found = []
        for labels in self._matched(selector):
            near = [
                sample
                for sample in self._series[labels]
                if -self._lookback_ms < sample[0] - at_ms <= self._lookback_ms
                and not is_stale(sample[1])
            ]
            if near and near[0][0] <= at_ms:
                found.append((labels, at_ms, ranges.value_at(near, at_ms)))
        return found

    def _windows(self, expr: Expr, at_ms: int) -> tuple[_Windows, ranges.Window]:
        """Return the samples of each series in the window, and the window."""
        if isinstance(expr, MatrixSelector):
            end_ms = self._pinned(expr.selector, at_ms)
            start_ms = end_ms - expr.range_ms
            reach = expr.selector.reach
            first_ms = start_ms - (self._lookback_ms if reach else 0)
            last_ms = end_ms + (self._lookback_ms if reach is Reach.SMOOTHED else 0)
            windows = [
                (labels, [s for s in self._series[labels] if first_ms < s[0] <= last_ms])
                for labels in self._matched(expr.selector)
            ]
            windows = [(k, [s for s in found if not is_stale(s[1])]) for k, found in windows]
        else:
            assert isinstance(expr, Subquery)
            end_ms = self._pinned(expr, at_ms)
            start_ms = end_ms - expr.range_ms
            step_ms = expr.step_ms or DEFAULT_STEP_MS
            points: dict[Labels, list[tuple[int, float]]] = {}
            for step in range((start_ms // step_ms + 1) * step_ms, end_ms + 1, step_ms):
                for labels, value in self._vector(expr.expr, step):
                    points.setdefault(labels, []).append((step, value))
            windows = list(points.items())
        return [(labels, found) for labels, found in windows if found], (start_ms, end_ms)

    def _unary(self, node: Unary, at_ms: int) -> Value:
        value = self._value(node.expr, at_ms)
        if node.op is UnaryOp.PLUS:
            return value
        if isinstance(value, float):
            return -value
        assert isinstance(value, list)
        return nameless([(labels, -number) for labels, number in value])

    def _binary(self, node: Binary, at_ms: int) -> Value:
        left, right = self._value(node.left, at_ms), self._value(node.right, at_ms)
        assert not isinstance(left, str)
        assert not isinstance(right, str)
        if isinstance(left, list) and isinstance(right, list):
            if node.op.is_set_operator:
                return combined(node.op, node.matching, left, right)
            return joined(node, left, right)
        if isinstance(left, float) and isinstance(right, float):
            value = infix(node.op, left, right, return_bool=node.return_bool)
            assert value is not None
            return value
        result: Vector = []
        for labels, number in left if isinstance(left, list) else right:  # type: ignore[union-attr] # one is a list
            a, b = (number, right) if isinstance(left, list) else (left, number)
            assert isinstance(a, float)
            assert isinstance(b, float)
            value = infix(node.op, a, b, return_bool=node.return_bool)
            if value is not None:
                kept = node.op.is_comparison and not node.return_bool
                result.append((labels, number if kept else value))
        keeps_name = node.op.is_comparison and not node.return_bool
        return result if keeps_name else nameless(result)

    # -- functions ---------------------------------------------------------------------------------

    def _call(self, node: Call, at_ms: int) -> Value:
        name, arguments = node.name, node.args
        if name in ELEMENTWISE:
            vector = self._vector(arguments[0], at_ms)
            return nameless([(labels, ELEMENTWISE[name](value)) for labels, value in vector])
        if name in CALENDAR:
            vector = self._vector(arguments[0], at_ms) if arguments else [((), at_ms / 1000)]
            return nameless([(labels, CALENDAR[name](value)) for labels, value in vector])
        if name in _OVER_TIME:
            return self._over_time(node, at_ms)
        special: Callable[[Call, int], Value] = getattr(self, f"_call_{name}")
        return special(node, at_ms)

    def _over_time(self, node: Call, at_ms: int) -> Vector:
        name = node.name
        which = next(i for i, a in enumerate(node.args) if isinstance(a, MatrixSelector | Subquery))
        windows, window = self._windows(node.args[which], at_ms)
        others = [self._number(a, at_ms) for i, a in enumerate(node.args) if i != which]
        argument = node.args[which]
        reach = argument.selector.reach if isinstance(argument, MatrixSelector) else None
        if reach is not None and name not in ranges.REACHING[reach]:
            raise RefusedError(f"{reach} does not go with {name}")
        result: Vector = []
        for labels, samples in windows:
            if reach is not None:
                value = ranges.reaching(name, reach, samples, window)
            else:
                value = _OVER_TIME[name](samples, window, at_ms, others)
            if value is not None:
                result.append((labels, value))
        return result if name in ranges.KEEPS_NAME else nameless(result)

    def _call_absent_over_time(self, node: Call, at_ms: int) -> Vector:
        windows, _ = self._windows(node.args[0], at_ms)
        return [] if windows else [(_absent_labels(node.args[0]), 1.0)]

    def _call_absent(self, node: Call, at_ms: int) -> Vector:
        vector = self._vector(node.args[0], at_ms)
        return [] if vector else [(_absent_labels(node.args[0]), 1.0)]

    def _call_pi(self, _node: Call, _at_ms: int) -> float:
        return math.pi

    def _call_time(self, _node: Call, at_ms: int) -> float:
        return at_ms / 1000

    def _call_vector(self, node: Call, at_ms: int) -> Vector:
        return [((), self._number(node.args[0], at_ms))]

    def _call_scalar(self, node: Call, at_ms: int) -> float:
        vector = self._vector(node.args[0], at_ms)
        return vector[0][1] if len(vector) == 1 else math.nan

    def _call_timestamp(self, node: Call, at_ms: int) -> Vector:
        argument = node.args[0]
        if isinstance(argument, VectorSelector):
            argument = replace(argument, reach=None)
            return nameless([(k, t / 1000) for k, t, _ in self._newest(argument, at_ms)])
        return nameless([(labels, at_ms / 1000) for labels, _ in self._vector(argument, at_ms)])

    def _call_round(self, node: Call, at_ms: int) -> Vector:
        to = self._number(node.args[1], at_ms) if len(node.args) > 1 else 1.0
        return nameless([(k, round_to(v, to)) for k, v in self._vector(node.args[0], at_ms)])

    def _call_clamp(self, node: Call, at_ms: int) -> Vector:
        low, high = self._number(node.args[1], at_ms), self._number(node.args[2], at_ms)
        vector = [] if high < low else self._vector(node.args[0], at_ms)
        return nameless([(k, larger(low, smaller(high, v))) for k, v in vector])

    def _call_clamp_min(self, node: Call, at_ms: int) -> Vector:
        low = self._number(node.args[1], at_ms)
        return nameless([(k, larger(low, v)) for k, v in self._vector(node.args[0], at_ms)])

    def _call_clamp_max(self, node: Call, at_ms: int) -> Vector:
        high = self._number(node.args[1], at_ms)
        return nameless([(k, smaller(high, v)) for k, v in self._vector(node.args[0], at_ms)])

    def _call_sort(self, node: Call, at_ms: int) -> Vector:
        vector = self._vector(node.args[0], at_ms)
        return sorted(vector, key=lambda e: (math.isnan(e[1]), e[1] if e[1] == e[1] else 0))

    def _call_sort_desc(self, node: Call, at_ms: int) -> Vector:
        vector = self._vector(node.args[0], at_ms)
        return sorted(vector, key=lambda e: (math.isnan(e[1]), -e[1] if e[1] == e[1] else 0))

    def _call_label_replace(self, node: Call, at_ms: int) -> Vector:
        target, replacement, source, pattern = map(self._text, node.args[1:])
        if not target:
            raise RefusedError("invalid destination label name")
        try:
            compiled = re.compile(pattern, re.DOTALL)
        except re.error as error:
            raise RefusedError(str(error)) from error
        result: Vector = []
        for labels, value in self._vector(node.args[0], at_ms):
            found = compiled.fullmatch(dict(labels).get(source, ""))
            if found:
                labels = with_label(labels, target, _expanded(replacement, found))  # noqa: PLW2901
            result.append((labels, value))
        return unique(result)

    def _call_label_join(self, node: Call, at_ms: int) -> Vector:
        target, separator, *sources = map(self._text, node.args[1:])
        if not all([target, *sources]):
            raise RefusedError("invalid label name")
        return unique(
            [
                (with_label(k, target, separator.join(dict(k).get(s, "") for s in sources)), v)
                for k, v in self._vector(node.args[0], at_ms)
            ]
        )

    def _call_histogram_quantile(self, node: Call, at_ms: int) -> Vector:
        q = self._number(node.args[0], at_ms)
        buckets = self._buckets(node.args[1], at_ms)
        return nameless([(labels, bucket_quantile(q, found)) for labels, found in buckets])

    def _call_histogram_fraction(self, node: Call, at_ms: int) -> Vector:
        lower, upper = self._number(node.args[0], at_ms), self._number(node.args[1], at_ms)
        buckets = self._buckets(node.args[2], at_ms)
        return nameless([(k, bucket_fraction(lower, upper, found)) for k, found in buckets])

    def _buckets(self, expr: Expr, at_ms: int) -> list[tuple[Labels, list[tuple[float, float]]]]:
        groups: dict[Labels, list[tuple[float, float]]] = {}
        for labels, value in self._vector(expr, at_ms):
            try:
                bound = float(dict(labels).get("le", ""))
            except ValueError:
                continue
            groups.setdefault(drop(labels, ["le"]), []).append((bound, value))
        return list(groups.items())


def _absent_labels(expr: Expr) -> Labels:
    if isinstance(expr, MatrixSelector):
        expr = expr.selector
    if not isinstance(expr, VectorSelector):
        return ()
    known: dict[str, str] = {}
    equal: set[str] = set()
    for matcher in expr.matchers:
        if matcher.op is MatchOp.EQUAL and matcher.name not in equal:
            equal.add(matcher.name)
            known[matcher.name] = matcher.value
        else:
            known.pop(matcher.name, None)
    return tuple(sorted((k, v) for k, v in known.items() if v and k != METRIC_NAME))


def _expanded(template: str, found: re.Match[str]) -> str:
    """Go's Expand: `$1`, `${1}`, `$name`; what is no group is empty, `$$` is a dollar."""

    def group(reference: re.Match[str]) -> str:
        if reference[0] == "$$":
            return "$"
        name = reference[1] or reference[2]
        try:
            return found[int(name) if name.isdigit() else name] or ""
        except IndexError:
            return ""

    return re.sub(r"\$\$|\$\{(\w+)\}|\$(\w+)", group, template)


_Function = Callable[[ranges.Samples, ranges.Window, int, Sequence[float]], "float | None"]


def _plainly(function: Callable[[ranges.Samples], float | None]) -> _Function:
    return lambda samples, _window, _at_ms, _others: function(samples)


def _rate(*, is_counter: bool, is_rate: bool) -> _Function:
    return lambda samples, window, _at_ms, _others: ranges.extrapolated(
        samples, window, is_counter=is_counter, is_rate=is_rate
    )


_OVER_TIME: dict[str, _Function] = {
    **{name: _plainly(function) for name, function in ranges.OVER_TIME.items()},
    "rate": _rate(is_counter=True, is_rate=True),
    "increase": _rate(is_counter=True, is_rate=False),
    "delta": _rate(is_counter=False, is_rate=False),
    "irate": _plainly(lambda samples: ranges.last_two(samples, is_rate=True)),
    "idelta": _plainly(lambda samples: ranges.last_two(samples, is_rate=False)),
    "deriv": _plainly(ranges.slope),
    "predict_linear": lambda s, _w, at_ms, others: ranges.predicted(s, at_ms, others[0]),
    "quantile_over_time": lambda s, _w, _at, others: quantile(others[0], [v for _, v in s]),
}
