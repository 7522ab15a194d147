"""Tests for query.evaluate.shares."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from query.evaluate import shares
from query.evaluate.shares import SHARE, different, sorted_rows
from query.labels import Labels

label_sets = st.lists(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=3).map(tuple),
    max_size=30,
)


@given(label_sets, st.integers(1, 5))
def test_sorted_rows(labels: list[Labels], share: int) -> None:
    """Rows come in the order of a sort of everything, whatever the size of a share."""
    before, shares.SHARE = shares.SHARE, share
    try:
        assert sorted_rows(labels) == sorted(range(len(labels)), key=labels.__getitem__)
    finally:
        shares.SHARE = before


@given(label_sets)
def test_different(labels: list[Labels]) -> None:
    """Equal label sets are one."""
    assert different(labels) == set(labels)


def test_every_order_of_many() -> None:
    """More label sets than a share come in order too."""
    number = 5 * SHARE + 3
    labels: list[Labels] = [(("n", f"{row * 7919 % number:06}"),) for row in range(number)]
    assert [labels[row] for row in sorted_rows(labels)] == sorted(labels)
