"""The labels of what is absent (promql.md 2.7)."""

from __future__ import annotations

from query.labels import METRIC_NAME, Labels, MatchOp
from query.syntax import Expr, MatrixSelector, VectorSelector


def labels_if_absent(expr: Expr) -> Labels:
    """Return the labels that an element of `expr` would have: a selector's `=` matchers, nothing for others.

    A second matcher, or one that is not `=`, takes away what was known of its label; the metric name is left out.
    """
    if isinstance(expr, MatrixSelector):
        expr = expr.selector
    if not isinstance(expr, VectorSelector):
        return ()
    wanted: dict[str, str] = {}
    equal: set[str] = set()
    for matcher in expr.matchers:
        first = matcher.op is MatchOp.EQUAL and matcher.name not in equal
        if first:
            equal.add(matcher.name)
        wanted[matcher.name] = matcher.value if first else ""
    wanted.pop(METRIC_NAME, None)
    return tuple(sorted((name, value) for name, value in wanted.items() if value))
