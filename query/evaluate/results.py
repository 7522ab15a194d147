"""What a query yields, in the shape of Prometheus' four result types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from query.evaluate.context import Argument, Context
from query.evaluate.samples import Range
from query.evaluate.shares import sorted_rows
from query.evaluate.stepped import StepScalar, StepVector
from query.labels import Labels
from query.queryable import Float64Array, Int64Array

IndexArray = npt.NDArray[np.intp]


class ResultType(StrEnum):
    """The result types of Prometheus' HTTP API."""

    VECTOR = "vector"
    MATRIX = "matrix"
    SCALAR = "scalar"
    STRING = "string"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QueryResult:
    """k elements with their points, which lie one element behind the other.

    A scalar is one element without labels; a string has no elements.
    """

    type: ResultType
    labels: Sequence[Labels]
    """Label sets; the same object for the same query as long as no series comes or goes."""
    rows: IndexArray
    """intp[k]: element i has the labels `labels[rows[i]]`."""
    ends: IndexArray
    """intp[k]: element i has the points `ends[i - 1]` (0 for the first) to `ends[i]`, the latter excluded."""
    times_ms: Int64Array
    """int64[p]: the points' times; for a vector, scalar and string the evaluation time."""
    values: Float64Array
    """float64[p]"""
    string: str = ""
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()

    def elements(self) -> list[tuple[Labels, list[tuple[int, float]]]]:
        """Return (labels, [(time in ms, value), ...]) of each element, in order."""
        points = list(zip(self.times_ms.tolist(), self.values.tolist(), strict=False))
        starts = [0, *self.ends.tolist()]
        return [
            (self.labels[row], points[start:end])
            for row, start, end in zip(self.rows.tolist(), starts, self.ends.tolist(), strict=False)
        ]


def result_at(context: Context, value: Argument) -> QueryResult:
    """Return the result of an instant query."""
    match value:
        case str():
            return _result(context, ResultType.STRING, string=value)
        case StepScalar():
            return _result(context, ResultType.SCALAR, labels=((),), values=value.values)
        case StepVector():
            rows = np.flatnonzero(value.present[:, 0])
            values = value.values[rows, 0]
            return _result(
                context, ResultType.VECTOR, labels=value.labels, rows=rows, values=values
            )


def result_over(context: Context, value: Argument) -> QueryResult:
    """Return the result of a range query: elements sorted by their labels, those without points left out."""
    if isinstance(value, StepScalar):
        there = np.ones((1, len(value.values)), dtype=np.bool_)
        value = StepVector(labels=((),), values=value.values[np.newaxis, :], present=there)
    if isinstance(value, str):
        raise TypeError("a string has no range")
    rows = _sorted_rows(context, value.labels)
    rows = rows[np.count_nonzero(value.present, axis=1)[rows] > 0]
    values, present = value.values[rows], value.present[rows]
    times = np.broadcast_to(context.times_ms, values.shape)
    return _result(
        context,
        ResultType.MATRIX,
        labels=value.labels,
        rows=rows,
        ends=np.cumsum(np.count_nonzero(present, axis=1)),
        times_ms=times[present],
        values=values[present],
    )


def result_of_range(context: Context, samples: Range) -> QueryResult:
    """Return the result of an instant query for a range vector, as `result_over`."""
    series = samples.series
    rows = _sorted_rows(context, series.labels)
    rows = rows[series.counts[rows] > 0]
    there = np.arange(len(series.values)) < series.counts[rows, np.newaxis]
    return _result(
        context,
        ResultType.MATRIX,
        labels=series.labels,
        rows=rows,
        ends=np.cumsum(series.counts[rows]),
        times_ms=series.times_ms.T[rows][there],
        values=series.values.T[rows][there],
    )


def _sorted_rows(context: Context, labels: Sequence[Labels]) -> IndexArray:
    """Return the rows in the order of their labels."""

    def compute() -> IndexArray:
        return np.array(sorted_rows(list(labels)), dtype=np.intp)

    return context.labels.remember(labels, "sorted", compute)


def _result(
    context: Context,
    kind: ResultType,
    *,
    labels: Sequence[Labels] = (),
    rows: IndexArray | None = None,
    ends: IndexArray | None = None,
    times_ms: Int64Array | None = None,
    values: Float64Array | None = None,
    string: str = "",
) -> QueryResult:
    """Return a result; without `rows`, `ends` and `times_ms` each label set has one point, now."""
    rows = np.arange(len(labels)) if rows is None else rows
    if times_ms is None:
        count = 1 if kind is ResultType.STRING else len(rows)
        first_ms = context.times_ms[:1]
        times_ms = first_ms if count == 1 else np.broadcast_to(first_ms, count)
    return QueryResult(
        type=kind,
        labels=labels,
        rows=rows,
        ends=np.arange(1, len(rows) + 1) if ends is None else ends,
        times_ms=times_ms,
        values=np.zeros(0) if values is None else values,
        string=string,
        warnings=context.annotations.warnings,
        infos=context.annotations.infos,
    )
