"""The scaler's `metricQuery`: PromQL, or the add-on's spelling of it (promql.md 3.3; keda.md 0.11, 2.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NoReturn

from query.errors import QuerySyntaxError, UnsupportedQueryError
from query.labels import METRIC_NAME, Matcher, MatchOp, label_name, metric_name
from query.lexer import NameForm
from query.parser import parse
from query.printer import print_expr
from query.regex import build_matcher, escape_regex
from query.syntax import (
    Aggregation,
    Binary,
    Call,
    Expr,
    Grouping,
    Matching,
    MatrixSelector,
    Subquery,
    Unary,
    VectorSelector,
    with_children,
)
from query.values import OverTime

AGGREGATIONS = ("sum", "avg", "min", "max", "count")
"""What the add-on's queries begin with, and what is evaluated."""


class Dialect(StrEnum):
    """The metadata key `dialect` (keda.md 0.11)."""

    AUTO = "auto"
    """PromQL and the add-on's form; a text of the add-on's shape is read as that."""
    PROMQL = "promql"
    """PromQL and nothing else."""
    OTEL = "otel"
    """As AUTO, with the add-on's matching: a series that lacks a queried label matches (keda.md 2.3)."""


class Reading(StrEnum):
    """Which of the two languages a text was read as."""

    PROMQL = "promql"
    OTEL = "otel"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricQuery:
    """A parsed `metricQuery`; a bare selector at its top has become a sum."""

    text: str
    """What the user wrote; spans of `expr` refer to it."""
    expr: Expr
    reading: Reading
    canonical: str
    """`expr` as PromQL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleQuery:
    """An aggregation over one instant vector selector without offset and @."""

    aggregation: str
    grouping: tuple[str, ...]
    without: bool
    selector: VectorSelector


def parse_metric_query(text: str, *, dialect: Dialect = Dialect.AUTO) -> MetricQuery:
    """Return what a `metricQuery` means.

    Names are rewritten as on write (DESIGN 3.4). With `Dialect.OTEL`, `k="v"` becomes `k=~"v|"`, which a series without
    `k` matches too; `!=` and `!~` keep PromQL's meaning, by which such a series matches already.

    Raises:
        QuerySyntaxError: Neither grammar takes the text; both complaints are in the message.
    """
    expr, reading = _read(text, dialect)
    expr = _renamed(expr)
    if dialect is Dialect.OTEL:
        reading = Reading.OTEL
        expr = _lenient(expr)
    if isinstance(expr, VectorSelector):
        expr = Aggregation(op="sum", expr=expr, span=expr.span)
    return MetricQuery(text=text, expr=expr, reading=reading, canonical=print_expr(expr))


def apply_over_time(query: MetricQuery, operation: OverTime, window_ms: int) -> MetricQuery:
    """Return the query with `operation` over the window around each selector that has no range yet.

    For rate and increase the result shows what is asked, while the estimator answers it (promql.md 3.3a).

    Raises:
        QuerySyntaxError: Every selector has a range already, so that the operation would do nothing.
    """
    if operation is OverTime.LAST_ONE:
        return query
    function = operation.value
    if operation not in {OverTime.RATE, OverTime.INCREASE}:
        function += "_over_time"

    def wrapped(expr: Expr) -> Expr:
        if isinstance(expr, VectorSelector):
            window = MatrixSelector(selector=expr, range_ms=window_ms, span=expr.span)
            return Call(name=function, args=(window,), span=expr.span)
        return expr if isinstance(expr, Subquery) else with_children(expr, wrapped)

    expr = wrapped(query.expr)
    if expr == query.expr:
        message = (
            f"operationOverTime: {operation} has nothing to apply to, no selector here is without a range: "
            "leave operationOverTime out, or write the bare metric"
        )
        raise QuerySyntaxError(query.text, query.expr.span, message)
    return replace(query, expr=expr, canonical=print_expr(expr))


def simple_form(expr: Expr, text: str) -> SimpleQuery:
    """Return an expression as the one form that is evaluated so far.

    Raises:
        UnsupportedQueryError: It is anything but sum, avg, min, max or count over one plain selector.
    """
    if isinstance(expr, VectorSelector):
        expr = Aggregation(op="sum", expr=expr, span=expr.span)
    if not isinstance(expr, Aggregation):
        _refuse(expr, text)
    if expr.op not in AGGREGATIONS:
        message = f"{expr.op}: use one of {', '.join(AGGREGATIONS)}"
        raise UnsupportedQueryError(text, expr.span, message)
    selector = expr.expr
    if not isinstance(selector, VectorSelector):
        _refuse(selector, text)
    if not selector.is_plain:
        raise UnsupportedQueryError(text, selector.span, "offset and @")
    grouping = expr.grouping or Grouping(labels=())
    return SimpleQuery(
        aggregation=expr.op,
        grouping=grouping.labels,
        without=grouping.without,
        selector=selector,
    )


# -- which grammar ---------------------------------------------------------------------------------


def _read(text: str, dialect: Dialect) -> tuple[Expr, Reading]:
    if dialect is not Dialect.PROMQL and (expr := _slashed(text)) is not None:
        return expr, Reading.OTEL
    try:
        return parse(text), Reading.PROMQL
    except QuerySyntaxError as error:
        if dialect is Dialect.PROMQL:
            raise
        as_promql = error
    try:
        return parse(text, NameForm.DOTTED), Reading.OTEL
    except QuerySyntaxError as error:
        if error.message == as_promql.message:
            raise as_promql from None
        message = (
            f"{error.message} (read as strict PromQL: {as_promql.position}: {as_promql.message})"
        )
        raise QuerySyntaxError(error.text, error.span, message) from as_promql


def _slashed(text: str) -> Expr | None:
    """Return the tree if the whole text is the add-on's `op(name{labels})` with a `/` or `-` in the name (E3)."""
    try:
        expr = parse(text, NameForm.SLASHED)
    except QuerySyntaxError:
        return None
    selector = expr
    if isinstance(expr, Aggregation) and expr.grouping is None and expr.op in AGGREGATIONS:
        if not text.startswith(expr.op, expr.span.start):
            return None
        selector = expr.expr
    if not isinstance(selector, VectorSelector) or not selector.is_plain:
        return None
    is_bare = text[selector.span.start] not in "({"
    return expr if is_bare and set(selector.name or "") & {"/", "-"} else None


# -- names and matching ----------------------------------------------------------------------------


def _renamed(expr: Expr) -> Expr:
    """Return the tree with metric and label names as they are stored (DESIGN 3.4)."""
    match expr:
        case VectorSelector():
            return replace(expr, matchers=tuple(map(_renamed_matcher, expr.matchers)))
        case MatrixSelector(selector=selector):
            matchers = tuple(map(_renamed_matcher, selector.matchers))
            return replace(expr, selector=replace(selector, matchers=matchers))
        case Aggregation(grouping=Grouping() as grouping):
            expr = replace(expr, grouping=replace(grouping, labels=_label_names(grouping.labels)))
        case Binary(matching=Matching() as matching):
            labels, include = _label_names(matching.labels), _label_names(matching.include)
            expr = replace(expr, matching=replace(matching, labels=labels, include=include))
    return with_children(expr, _renamed)


def _renamed_matcher(matcher: Matcher) -> Matcher:
    if matcher.name != METRIC_NAME:
        return replace(matcher, name=label_name(matcher.name))
    if matcher.op in {MatchOp.REGEX, MatchOp.NOT_REGEX}:
        return matcher
    return build_matcher(METRIC_NAME, matcher.op, metric_name(matcher.value))


def _label_names(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(label_name, names))


def _lenient(expr: Expr) -> Expr:
    """Return the tree with matchers that a missing label satisfies (keda.md 2.3)."""
    match expr:
        case VectorSelector():
            return replace(expr, matchers=tuple(map(_lenient_matcher, expr.matchers)))
        case MatrixSelector(selector=selector):
            matchers = tuple(map(_lenient_matcher, selector.matchers))
            return replace(expr, selector=replace(selector, matchers=matchers))
        case _:
            return with_children(expr, _lenient)


def _lenient_matcher(matcher: Matcher) -> Matcher:
    if matcher.name == METRIC_NAME or matcher.accepts(""):
        return matcher
    if matcher.op is MatchOp.EQUAL:
        return build_matcher(matcher.name, MatchOp.REGEX, f"{escape_regex(matcher.value)}|")
    if matcher.op is MatchOp.REGEX:
        return build_matcher(matcher.name, MatchOp.REGEX, f"|{matcher.value}")
    return matcher


# -- what is not evaluated -------------------------------------------------------------------------

_OPERATION_OF = {
    "rate": OverTime.RATE,
    "increase": OverTime.INCREASE,
    "last_over_time": OverTime.LAST_ONE,
    **{
        f"{operation}_over_time": operation
        for operation in (
            OverTime.COUNT,
            OverTime.AVG,
            OverTime.MIN,
            OverTime.MAX,
            OverTime.SUM,
        )
    },
}
_FORM = "write one of sum, avg, min, max, count over one metric"


def _refuse(expr: Expr, text: str) -> NoReturn:
    raise UnsupportedQueryError(text, expr.span, _why_not(expr, text))


def _why_not(expr: Expr, text: str) -> str:
    match expr:
        case Call(name=name) if name in _OPERATION_OF:
            return (
                f"{name}() inside metricQuery: write the bare metric and set "
                f"operationOverTime: {_OPERATION_OF[name]}"
            )
        case Call(name=name):
            return f"{name}(): {_FORM}"
        case Binary():
            return _why_no_operator(expr, text)
        case Aggregation():
            return "an aggregation of an aggregation"
        case Unary():
            return f"a sign: {_FORM}"
        case MatrixSelector() | Subquery():
            return "a range in metricQuery: set operationOverTime and window"
        case _:
            return f"this is no instant vector: {_FORM}"


def _why_no_operator(expr: Binary, text: str) -> str:
    written = text[expr.span.start : expr.span.end]
    if re.fullmatch(r"[A-Za-z_:][A-Za-z0-9_:./-]*", written):
        return f"this is read as a calculation: write the name of one metric with underscores, {metric_name(written)}"
    return (
        f"the operator '{expr.op}': {_FORM} in each trigger, "
        "KEDA's scalingModifiers.formula combines triggers"
    )
