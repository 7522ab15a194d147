"""Puts numbers where an expression's durations depend on the query's times, `[step()]` (promql.md 4.1)."""

from __future__ import annotations

from dataclasses import replace

from query.duration_tree import DurationTree, duration_ms
from query.errors import DurationError, QuerySyntaxError
from query.syntax import Expr, MatrixSelector, Subquery, VectorSelector, with_children


def depends_on_range(expr: Expr) -> bool:
    """Return whether a duration in `expr` is known only with the query's times."""
    found = False

    def look(node: Expr) -> Expr:
        nonlocal found
        match node:
            case VectorSelector():
                found |= node.offset_tree is not None
            case MatrixSelector():
                found |= node.range_tree is not None or node.selector.offset_tree is not None
            case Subquery():
                trees = (node.range_tree, node.step_tree, node.offset_tree)
                found |= any(tree is not None for tree in trees)
        return with_children(node, look)

    look(expr)
    return found


def resolve_durations(text: str, expr: Expr, *, step_ms: int, range_ms: int) -> Expr:
    """Return `expr` with all durations known.

    Args:
        text: What `expr` was parsed from.
        expr: An expression.
        step_ms: What `step()` is.
        range_ms: What `range()` is.

    Raises:
        QuerySyntaxError: A duration divides by zero, is out of range, or has to be greater than 0 and is not.
    """
    return _Resolver(text, step_ms, range_ms).resolve(expr)


class _Resolver:
    def __init__(self, text: str, step_ms: int, range_ms: int) -> None:
        self._text = text
        self._step_ms = step_ms
        self._range_ms = range_ms

    def resolve(self, expr: Expr) -> Expr:
        match expr:
            case VectorSelector():
                return self._selector(expr)
            case MatrixSelector():
                range_ms = self._known(expr, expr.range_tree, expr.range_ms)
                selector = self._selector(expr.selector)
                return replace(expr, selector=selector, range_ms=range_ms, range_tree=None)
            case Subquery():
                return self._subquery(expr)
            case _:
                return with_children(expr, self.resolve)

    def _selector(self, selector: VectorSelector) -> VectorSelector:
        offset_ms = self._known(selector, selector.offset_tree, selector.offset_ms, positive=False)
        return replace(selector, offset_ms=offset_ms, offset_tree=None)

    def _subquery(self, subquery: Subquery) -> Subquery:
        step_ms = subquery.step_ms
        if subquery.step_tree is not None:
            step_ms = self._known(subquery, subquery.step_tree, 0)
        return replace(
            subquery,
            expr=self.resolve(subquery.expr),
            range_ms=self._known(subquery, subquery.range_tree, subquery.range_ms),
            step_ms=step_ms,
            offset_ms=self._known(
                subquery, subquery.offset_tree, subquery.offset_ms, positive=False
            ),
            range_tree=None,
            step_tree=None,
            offset_tree=None,
        )

    def _known(
        self, expr: Expr, tree: DurationTree | None, known_ms: int, *, positive: bool = True
    ) -> int:
        if tree is None:
            return known_ms
        try:
            return duration_ms(
                tree, step_ms=self._step_ms, range_ms=self._range_ms, positive=positive
            )
        except DurationError as error:
            raise QuerySyntaxError(self._text, expr.span, str(error)) from error
