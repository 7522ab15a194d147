"""The aggregation count_values: how many series of each group have the same value (promql.md 2.8)."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np

from query.errors import QueryError
from query.evaluate.context import Context
from query.evaluate.grouping import IndexArray, find_groups
from query.evaluate.stepped import StepVector
from query.labels import METRIC_NAME, Labels
from query.printer import quote
from query.queryable import Float64Array
from query.syntax import Grouping


def count_values(context: Context, vector: StepVector, label: str, clause: Grouping) -> StepVector:
    """Return how many elements of each group have each value, which becomes `label`.

    The value takes the place of a label that is there already, and is grouped by like one.

    Raises:
        QueryError: `label` is no label name, or there are too many values at too many steps.
    """
    if not is_label_name(label):
        raise QueryError(f"invalid label name {quote(label)}")
    without, grouping = clause.without, set(clause.labels)
    kept = tuple(grouping | {label} if without else grouping - {label})
    groups = find_groups(context.labels, vector.labels, kept, without=without)
    named = not without or label not in grouping | {METRIC_NAME}
    rows, steps = vector.present.nonzero()
    values, value_of_cell = _distinct(vector.values[rows, steps])
    cells = groups.of_row[rows] * max(len(values), 1) + (value_of_cell if named else 0)
    elements, element_of_cell = np.unique(cells, return_inverse=True)
    shape = (len(elements), vector.values.shape[1])
    context.budget.take_samples(shape[0] * shape[1])
    places = element_of_cell * shape[1] + steps
    counts = np.bincount(places, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)
    texts = [format_decimal(value) for value in values] if named else []
    labels = [
        with_label(groups.labels[group], label, texts[value]) if named else groups.labels[group]
        for group, value in (divmod(element, len(values)) for element in elements.tolist())
    ]
    return StepVector(labels=labels, values=counts, present=counts > 0)


def is_label_name(text: str) -> bool:
    """Return whether `text` may be a label name: any Unicode text but the empty one."""
    return bool(text) and not any("\ud800" <= char <= "\udfff" for char in text)


def with_label(labels: Labels, name: str, value: str) -> Labels:
    """Return `labels` with one label set; an empty value removes it."""
    others = [pair for pair in labels if pair[0] != name]
    return tuple(sorted([*others, (name, value)]) if value else others)


def format_decimal(value: float) -> str:
    """Return the shortest text that means `value`, never with an exponent: `1000000000000000000000`, `NaN`, `+Inf`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = repr(value)
    if "e" in text:
        text = format(Decimal(text), "f")
    return text.removesuffix(".0")


def format_general(value: float) -> str:
    """Return a number as Prometheus' messages have it: with an exponent from a million on and below 0.0001."""
    if not math.isfinite(value):
        return format_decimal(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    power = len(digits) + int(exponent) - 1
    if -4 <= power < 6:
        return format_decimal(value)
    fraction = "".join(map(str, digits[1:]))
    point = "." if fraction else ""
    return f"{'-' if sign else ''}{digits[0]}{point}{fraction}e{power:+03d}"


def _distinct(values: Float64Array) -> tuple[list[float], IndexArray]:
    """Return the distinct values, and which of them each value is; 0 and -0 differ, NaN are one."""
    bits = np.where(np.isnan(values), np.nan, values).view(np.int64)
    distinct, which = np.unique(bits, return_inverse=True)
    return distinct.view(np.float64).tolist(), which
