"""How long things took."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.measuring import SECONDS, Histograms


@given(st.lists(st.floats(0, 10)))
def test_counts(values: list[float]) -> None:
    """A value counts in the first bucket whose bound it does not exceed, beyond all bounds in the last; sums add up."""
    took = Histograms()
    for value in values:
        took("a", value)
    bounds = (*SECONDS, float("inf"))
    expected = [
        sum(low < value <= high for value in values)
        for low, high in zip((-1.0, *SECONDS), bounds, strict=True)
    ]
    found = took.values.get("a")
    assert (found.counts if found else [0] * len(bounds)) == expected
    assert not found or (len(values), sum(values)) == (sum(found.counts), found.sum)


def test_a_copy_stays() -> None:
    """What was copied does not change with what is counted later."""
    took = Histograms()
    took("a", 0.1)
    copy = took.values["a"].copy()
    took("a", 0.1)
    assert (sum(copy.counts), copy.sum) == (1, 0.1)
