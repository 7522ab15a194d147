from __future__ import annotations

import numpy as np
import pytest

from query.errors import QueryCanceledError, QueryTimeoutError, TooManySamplesError
from query.evaluate.annotations import Annotations
from query.evaluate.context import Budget, Context
from query.evaluate.label_work import LabelWork
from query.evaluate.stepped import StepVector


def test_the_deadline() -> None:
    """Time is what the clock says since the budget was made."""
    now = [10.0]
    budget = Budget(max_samples=1, timeout_s=2.0, clock=lambda: now[0])
    budget.check()
    now[0] = 12.5
    with pytest.raises(QueryTimeoutError, match=r"^query timed out after 2 s$") as caught:
        budget.check()
    assert caught.value.error_type == "timeout"


def test_no_deadline() -> None:
    """Without a timeout or a clock a query takes as long as it takes."""
    Budget(max_samples=1, timeout_s=0.0).check()
    Budget(max_samples=1, clock=lambda: 1e9).check()


def test_an_asker_who_went_away() -> None:
    """A query ends at the next check."""
    with pytest.raises(QueryCanceledError) as caught:
        Budget(max_samples=1, is_canceled=lambda: True).check()
    assert caught.value.error_type == "canceled"


def test_samples() -> None:
    """What is held counts, up to the limit."""
    budget = Budget(max_samples=10)
    budget.take_samples(8)
    budget.take_samples(2)
    with pytest.raises(TooManySamplesError, match="too many samples into memory") as caught:
        budget.take_samples(1)
    assert caught.value.error_type == "execution"


@pytest.mark.parametrize("delayed", [False, True])
def test_dropping_the_name(delayed: bool) -> None:
    """An operation drops the name, or marks it to be dropped (promql.md 2.13)."""
    context = Context(
        times_ms=np.zeros(1, np.int64),
        annotations=Annotations(""),
        labels=LabelWork(),
        budget=Budget(max_samples=1),
        delayed_names=delayed,
    )
    labels = ((("__name__", "x"), ("a", "1")),)
    vector = StepVector(labels=labels, values=np.zeros((1, 1)), present=np.ones((1, 1), np.bool_))
    found = context.without_name(vector)
    expected = labels if delayed else ((("a", "1"),),)
    assert (tuple(found.labels), found.drops_name) == (expected, delayed)
