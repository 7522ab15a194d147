"""Instant vectors at one time: elements, names, aggregation, joining (promql.md 2.8, 2.9)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from query.labels import METRIC_NAME, Labels
from query.syntax import Aggregation, Binary, BinaryOp, Grouping, Matching, Side
from tests.support.slow_promql.floats import (
    RefusedError,
    divide,
    highest,
    lowest,
    mean,
    modulo,
    plain,
    power,
    quantile,
    total,
    variance,
)

Vector = list[tuple[Labels, float]]
METADATA = frozenset({METRIC_NAME, "__type__", "__unit__"})
"""What goes when a name is dropped."""

ARITHMETIC: dict[BinaryOp, Callable[[float, float], float]] = {
    BinaryOp.ADD: lambda a, b: a + b,
    BinaryOp.SUBTRACT: lambda a, b: a - b,
    BinaryOp.MULTIPLY: lambda a, b: a * b,
    BinaryOp.DIVIDE: divide,
    BinaryOp.MODULO: modulo,
    BinaryOp.POWER: power,
    BinaryOp.ATAN2: math.atan2,
}
COMPARISON: dict[BinaryOp, Callable[[float, float], bool]] = {
    BinaryOp.EQUAL: lambda a, b: a == b,
    BinaryOp.NOT_EQUAL: lambda a, b: a != b,
    BinaryOp.LESS: lambda a, b: a < b,
    BinaryOp.LESS_OR_EQUAL: lambda a, b: a <= b,
    BinaryOp.GREATER: lambda a, b: a > b,
    BinaryOp.GREATER_OR_EQUAL: lambda a, b: a >= b,
}
_FOLDS: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": total,
    "avg": mean,
    "min": lowest,
    "max": highest,
    "count": lambda values: float(len(values)),
    "group": lambda _: 1.0,
    "stddev": lambda values: math.sqrt(variance(values)),
    "stdvar": variance,
}


def keep(labels: Labels, names: Iterable[str]) -> Labels:
    wanted = frozenset(names)
    return tuple(pair for pair in labels if pair[0] in wanted)


def drop(labels: Labels, names: Iterable[str]) -> Labels:
    unwanted = frozenset(names)
    return tuple(pair for pair in labels if pair[0] not in unwanted)


def with_label(labels: Labels, name: str, value: str) -> Labels:
    others = dict(drop(labels, [name]))
    return tuple(sorted({**others, name: value}.items() if value else others.items()))


def unique(vector: Vector) -> Vector:
    if len({labels for labels, _ in vector}) != len(vector):
        raise RefusedError("vector cannot contain metrics with the same labelset")
    return vector


def nameless(vector: Iterable[tuple[Labels, float]]) -> Vector:
    return unique([(drop(labels, METADATA), value) for labels, value in vector])


def infix(op: BinaryOp, a: float, b: float, *, return_bool: bool) -> float | None:
    """The value of one pair; None where a comparison leaves it out."""
    if op in ARITHMETIC:
        return ARITHMETIC[op](a, b)
    holds = COMPARISON[op](a, b)
    if return_bool:
        return float(holds)
    return a if holds else None


# -- aggregation -----------------------------------------------------------------------------------


def grouped(grouping: Grouping | None, labels: Labels) -> Labels:
    if grouping is None:
        return ()
    if grouping.without:
        return drop(labels, [*grouping.labels, METRIC_NAME])
    return keep(labels, grouping.labels)


def aggregated(node: Aggregation, vector: Vector, parameter: float | str | None) -> Vector:
    groups: dict[Labels, Vector] = {}
    for labels, value in vector:
        groups.setdefault(grouped(node.grouping, labels), []).append((labels, value))
    result: Vector = []
    if isinstance(parameter, float) and node.op in {"topk", "bottomk"}:
        if math.isnan(parameter):
            raise RefusedError("parameter value is NaN")
        if abs(parameter) >= 2**63:
            raise RefusedError("scalar parameter overflows int64")
    for key, elements in groups.items():
        values = [value for _, value in elements]
        if node.op in _FOLDS:
            result.append((key, _FOLDS[node.op](values)))
        elif node.op == "quantile":
            assert isinstance(parameter, float)
            result.append((key, quantile(parameter, values)))
        elif node.op == "count_values":
            assert isinstance(parameter, str)
            result += _counted(parameter, key, values)
        else:
            assert isinstance(parameter, float)
            result += _extreme(elements, int(parameter), descending=node.op == "topk")
    return unique(result)


def _extreme(elements: Vector, k: int, *, descending: bool) -> Vector:
    def rank(element: tuple[Labels, float]) -> tuple[bool, float]:
        value = element[1]
        return math.isnan(value), 0.0 if math.isnan(value) else -value if descending else value

    return sorted(elements, key=rank)[: max(k, 0)]


def _counted(label: str, key: Labels, values: Sequence[float]) -> Vector:
    if not label:
        raise RefusedError(f"invalid label name {label!r}")
    counts: dict[Labels, float] = {}
    for value in values:
        labels = with_label(key, label, plain(value))
        counts[labels] = counts.get(labels, 0.0) + 1.0
    return list(counts.items())


# -- joining ---------------------------------------------------------------------------------------


def signature(matching: Matching | None, labels: Labels) -> Labels:
    if matching is not None and matching.on:
        return keep(labels, matching.labels)
    return drop(labels, [*(matching.labels if matching else ()), METRIC_NAME])


def combined(op: BinaryOp, matching: Matching | None, left: Vector, right: Vector) -> Vector:
    """and, or, unless."""
    on_left = {signature(matching, labels) for labels, _ in left}
    on_right = {signature(matching, labels) for labels, _ in right}
    if op is BinaryOp.AND:
        return [one for one in left if signature(matching, one[0]) in on_right]
    if op is BinaryOp.UNLESS:
        return [one for one in left if signature(matching, one[0]) not in on_right]
    return unique([*left, *(one for one in right if signature(matching, one[0]) not in on_left)])


def joined(node: Binary, left: Vector, right: Vector) -> Vector:
    """Arithmetic and comparisons between two vectors."""
    if not left or not right:
        return []
    matching = node.matching or Matching(labels=())
    swapped = matching.many is Side.RIGHT
    many, one = (right, left) if swapped else (left, right)
    partners: dict[Labels, tuple[Labels, float]] = {}
    for element in one:
        key = signature(matching, element[0])
        if key in partners:
            raise RefusedError("found duplicate series for the match group")
        partners[key] = element
    seen: set[Labels | tuple[Labels, Labels]] = set()
    result: Vector = []
    for labels, value in many:
        key = signature(matching, labels)
        if key not in partners:
            continue
        if matching.many is None and key in seen:
            raise RefusedError("multiple matches for labels: many-to-one matching must be explicit")
        seen.add(key)
        other_labels, other = partners[key]
        made = _result_labels(node, matching, labels, other_labels)
        if matching.many is not None and (key, made) in seen:
            raise RefusedError("multiple matches for labels: grouping labels must be unique")
        seen.add((key, made))
        a, b = (other, value) if swapped else (value, other)
        number = infix(node.op, a, b, return_bool=node.return_bool)
        if number is not None:
            result.append((made, number))
    return unique(result)


def _result_labels(node: Binary, matching: Matching, labels: Labels, other: Labels) -> Labels:
    if node.op in ARITHMETIC or node.return_bool:
        labels = drop(labels, METADATA)
    if matching.many is None:
        labels = keep(labels, matching.labels) if matching.on else drop(labels, matching.labels)
    for name in matching.include:
        labels = with_label(labels, name, dict(other).get(name, ""))
    return labels
