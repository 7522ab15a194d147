from __future__ import annotations

import numpy as np
import pytest

from query.evaluate.annotations import Annotations
from query.evaluate.context import Budget, Context
from query.evaluate.label_work import LabelWork
from query.evaluate.results import ResultType, result_at, result_of_range, result_over
from query.evaluate.samples import Range, Series
from query.evaluate.stepped import StepScalar, StepVector
from query.text import Span

A, B = (("a", "1"),), (("a", "2"),)


def context(*seconds: int) -> Context:
    notes = Annotations("x")
    notes.warn("w", Span(0, 1))
    notes.inform("i", Span(0, 1))
    return Context(
        times_ms=np.array(seconds) * 1000,
        annotations=notes,
        labels=LabelWork(),
        budget=Budget(max_samples=1),
    )


def vector(values: list[list[float]], present: list[list[bool]]) -> StepVector:
    return StepVector(labels=(B, A), values=np.array(values), present=np.array(present))


def test_a_vector_keeps_its_order() -> None:
    """An instant vector has the order its operation gave it, at the evaluation time, without what is absent."""
    found = result_at(context(5), vector([[1.0], [2.0]], [[True], [True]]))
    assert (found.type, found.elements()) == (
        ResultType.VECTOR,
        [(B, [(5000, 1.0)]), (A, [(5000, 2.0)])],
    )
    found = result_at(context(5), vector([[1.0], [2.0]], [[False], [True]]))
    assert found.elements() == [(A, [(5000, 2.0)])]


def test_a_scalar_and_a_string() -> None:
    """Both carry the evaluation time."""
    scalar, string = (
        result_at(context(5), StepScalar(values=np.array([3.0]))),
        result_at(context(5), "s"),
    )
    assert (scalar.type, scalar.elements()) == (ResultType.SCALAR, [((), [(5000, 3.0)])])
    assert result_at(context(5), "").times_ms.tolist() == [5000]
    assert (string.type, string.string, string.times_ms.tolist()) == (
        ResultType.STRING,
        "s",
        [5000],
    )


def test_annotations_travel_along() -> None:
    """Warnings and infos stand beside the result."""
    found = result_at(context(5), "s")
    assert (found.warnings, found.infos) == (
        ("PromQL warning: w (1:1)",),
        ("PromQL info: i (1:1)",),
    )


def test_a_range_is_sorted_by_labels() -> None:
    """Elements come in the order of their labels; points that are absent, and elements without any, are left out."""
    given = vector([[1.0, 2.0], [3.0, 4.0]], [[True, False], [True, True]])
    found = result_over(context(5, 6), given)
    assert (found.type, found.elements()) == (
        ResultType.MATRIX,
        [(A, [(5000, 3.0), (6000, 4.0)]), (B, [(5000, 1.0)])],
    )
    assert len(result_over(context(5), vector([[1.0], [2.0]], [[False], [False]])).rows) == 0


def test_a_scalar_over_a_range() -> None:
    """It is one element without labels."""
    found = result_over(context(5, 6), StepScalar(values=np.array([3.0, 4.0])))
    assert found.elements() == [((), [(5000, 3.0), (6000, 4.0)])]


def test_a_string_over_a_range() -> None:
    """The type checker lets none through."""
    with pytest.raises(TypeError):
        result_over(context(5), "s")


def test_a_range_vector() -> None:
    """Samples with their own times, sorted by labels; a series without samples is left out."""
    series = Series(
        labels=(B, A, ()),
        times_ms=np.array([[1, 2, 9], [3, 9, 9]]),
        values=np.array([[1.0, 2.0, 9.0], [3.0, 9.0, 9.0]]),
        counts=np.array([2, 1, 0]),
    )
    end = np.array([5])
    samples = Range(series=series, start_ms=end - 5, end_ms=end, at_ms=end)
    found = result_of_range(context(5), samples)
    assert found.elements() == [(A, [(2, 2.0)]), (B, [(1, 1.0), (3, 3.0)])]
