"""The labels of what is absent (promql.md 2.7)."""

from __future__ import annotations

from query.labels import METRIC_NAME, Labels, MatchOp
from query.syntax import Expr, MatrixSelector, VectorSelector


def labels_if_absent(expr: Expr) -> Labels:
    """Return the labels that an element of `expr` would have: a selector's `=` matchers, nothing for others.

    A label with several matchers, or with another one than `=`, is left out; so is the metric name.
    """
    if isinstance(expr, MatrixSelector):
        expr = expr.selector
    if not isinstance(expr, VectorSelector):
        return ()
    wanted: dict[str, str] = {}
    for matcher in expr.matchers:
        first = matcher.name not in wanted and matcher.op is MatchOp.EQUAL
        wanted[matcher.name] = matcher.value if first else ""
    wanted.pop(METRIC_NAME, None)
    return tuple(sorted((name, value) for name, value in wanted.items() if value))
