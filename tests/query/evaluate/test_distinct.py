from __future__ import annotations

import math

import numpy as np
import pytest

from query.evaluate.distinct import SameLabelsError, distinct
from query.evaluate.label_work import LabelWork
from query.evaluate.stepped import StepVector
from query.labels import Labels

A: Labels = (("a", "1"),)
B: Labels = (("a", "2"),)


def vector(*rows: tuple[Labels, list[float | None]]) -> StepVector:
    values = np.array([[math.nan if v is None else v for v in row] for _, row in rows])
    present = np.array([[v is not None for v in row] for _, row in rows])
    return StepVector(labels=tuple(labels for labels, _ in rows), values=values, present=present)


def shown(found: StepVector) -> list[tuple[Labels, list[float | None]]]:
    rows = zip(found.labels, found.values.tolist(), found.present.tolist(), strict=True)
    return [
        (labels, [v if p else None for v, p in zip(values, there, strict=True)])
        for labels, values, there in rows
    ]


def test_different_labels_stay() -> None:
    """A vector of different label sets is returned as it is."""
    given = vector((A, [1.0]), (B, [2.0]))
    assert distinct(given, LabelWork(), merge=False) is given


def test_merging() -> None:
    """Series with equal labels that are never there at once become one (promql.md 2.1)."""
    given = vector((A, [1.0, None, None]), (B, [5.0, None, 6.0]), (A, [None, 2.0, None]))
    assert shown(distinct(given, LabelWork(), merge=True)) == [
        (A, [1.0, 2.0, None]),
        (B, [5.0, None, 6.0]),
    ]


@pytest.mark.parametrize(
    ("rows", "merge"),
    [
        pytest.param([(A, [1.0, 2.0]), (A, [None, 3.0])], True, id="at-one-step"),
        pytest.param([(A, [1.0, None]), (A, [None, 3.0])], False, id="at-different-steps"),
    ],
)
def test_refusal(rows: list[tuple[Labels, list[float | None]]], merge: bool) -> None:
    """Two elements with equal labels fail the query; functions over ranges look at all steps."""
    with pytest.raises(SameLabelsError) as caught:
        distinct(vector((B, [1.0, 1.0]), *rows), LabelWork(), merge=merge)
    text = 'vector cannot contain metrics with the same labelset: {a="1"}'
    assert (str(caught.value), caught.value.error_type) == (text, "execution")


def test_absent_twins_do_no_harm() -> None:
    """A series without any value does not count."""
    given = vector((A, [1.0]), (A, [None]))
    assert shown(distinct(given, LabelWork(), merge=False)) == [(A, [1.0])]
