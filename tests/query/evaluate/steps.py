"""Queries over rows of text: the operations' tests speak PromQL, without the selectors' and ranges' own evaluation.

A row is a series and its values at the steps, `_` where absent: `v{g="x"} 1 NaN _`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from query.evaluate.aggregations import aggregate_steps
from query.evaluate.annotations import Annotations
from query.evaluate.binary_operators import apply_binary
from query.evaluate.context import Argument, Budget, Context
from query.evaluate.delayed_names import drop_delayed_names
from query.evaluate.distinct import distinct
from query.evaluate.instant_functions import INSTANT_FUNCTIONS
from query.evaluate.label_work import LabelWork
from query.evaluate.stepped import StepScalar, StepVector
from query.labels import METRIC_NAME, Labels
from query.parser import parse
from query.syntax import (
    Aggregation,
    Binary,
    Call,
    Expr,
    NumberLiteral,
    StringLiteral,
    Unary,
    VectorSelector,
)

Values = list[float | None]


@dataclass(frozen=True)
class Outcome:
    """What a query yields."""

    rows: dict[Labels, Values]
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    order: list[Labels] = field(default_factory=list)


def read_rows(text: str) -> StepVector:
    """Return the step vector that the lines of `text` describe."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    parsed = [read_row(line) for line in lines]
    values = np.array([[math.nan if v is None else v for v in row] for _, row in parsed], float)
    present = np.array([[v is not None for v in row] for _, row in parsed], bool)
    if not parsed:
        values, present = np.zeros((0, 1)), np.zeros((0, 1), bool)
    return StepVector(labels=[labels for labels, _ in parsed], values=values, present=present)


def read_row(line: str) -> tuple[Labels, Values]:
    """Return the labels and values of `v{a="b"} 1 _`."""
    cut = line.rindex("}") + 1 if "}" in line else line.index(" ")
    values = [None if word == "_" else float(word) for word in line[cut:].split()]
    return read_labels(line[:cut]), values


def read_labels(text: str) -> Labels:
    """Return the label set of `v{a="b"}`."""
    if text == "{}":
        return ()
    selector = parse(text)
    assert isinstance(selector, VectorSelector)
    return tuple(sorted((matcher.name, matcher.value) for matcher in selector.matchers))


def make_context(
    query: str, steps: int, *, max_samples: int = 1_000_000, **options: Any
) -> Context:
    """Return the context of a query with `steps` steps of a minute."""
    return Context(
        times_ms=60_000 + 60_000 * np.arange(steps, dtype=np.int64),
        annotations=Annotations(query),
        labels=LabelWork(),
        budget=Budget(max_samples=max_samples),
        **options,
    )


def ask(data: StepVector | str, query: str, **options: Any) -> Outcome:
    """Return what `query` yields over the series of `data`."""
    vector = read_rows(data) if isinstance(data, str) else data
    context = make_context(query, vector.values.shape[1], **options)
    value = evaluate(parse(query), vector, context)
    if isinstance(value, StepVector):
        value = drop_delayed_names(value, context.labels)
    rows, order = written(value)
    return Outcome(rows, context.annotations.warnings, context.annotations.infos, order)


def written(value: Argument) -> tuple[dict[Labels, Values], list[Labels]]:
    """Return a value as rows, absent ones left out."""
    if isinstance(value, StepScalar):
        return {(): list(value.values.tolist())}, [()]
    assert isinstance(value, StepVector)
    rows: dict[Labels, Values] = {}
    for labels, values, present in zip(
        value.labels, value.values.tolist(), value.present.tolist(), strict=True
    ):
        if any(present):
            assert labels not in rows, labels
            rows[labels] = [v if p else None for v, p in zip(values, present, strict=True)]
    return rows, list(rows)


def expect(text: str) -> dict[Labels, Any]:
    """Return rows to compare with, NaN equal to NaN and floats to 1e-12."""
    rows = dict(read_row(line.strip()) for line in text.strip().splitlines() if line.strip())
    return close(rows)


def close(rows: Mapping[Labels, Sequence[float | None]]) -> dict[Labels, Any]:
    """Return rows that compare with a small tolerance."""
    return {
        labels: [None if v is None else pytest.approx(v, rel=1e-12, nan_ok=True) for v in values]
        for labels, values in rows.items()
    }


def evaluate(expr: Expr, data: StepVector, context: Context) -> Argument:
    """Evaluate an expression without ranges over `data`."""
    match expr:
        case NumberLiteral():
            return StepScalar(values=np.full(len(context.times_ms), expr.value))
        case StringLiteral():
            return expr.value
        case VectorSelector():
            return select(expr, data)
        case Call():
            arguments = [evaluate(argument, data, context) for argument in expr.args]
            value: Argument = INSTANT_FUNCTIONS[expr.name](context, expr, arguments)
        case Aggregation():
            inner = vector(evaluate(expr.expr, data, context))
            param = None if expr.param is None else evaluate(expr.param, data, context)
            assert not isinstance(param, StepVector)
            value = aggregate_steps(context, expr, inner, param)
        case Binary():
            left, right = (evaluate(side, data, context) for side in (expr.left, expr.right))
            assert not isinstance(left, str)
            assert not isinstance(right, str)
            value = apply_binary(context, expr, left, right)
        case Unary():
            operand = evaluate(expr.expr, data, context)
            if isinstance(operand, StepScalar):
                return StepScalar(values=-operand.values)
            value = context.without_name(replace(vector(operand), values=-vector(operand).values))
        case _:
            raise AssertionError(expr)
    if isinstance(value, StepVector):
        return distinct(value, context.labels, merge=True)
    return value


def vector(value: Argument) -> StepVector:
    assert isinstance(value, StepVector)
    return value


def select(selector: VectorSelector, data: StepVector) -> StepVector:
    """Return the rows that match."""
    rows = [
        row
        for row, labels in enumerate(data.labels)
        if all(m.accepts(dict(labels).get(m.name, "")) for m in selector.matchers)
    ]
    return StepVector(
        labels=[data.labels[row] for row in rows],
        values=data.values[rows],
        present=data.present[rows],
    )


def name_of(labels: Labels) -> str:
    return dict(labels).get(METRIC_NAME, "")
