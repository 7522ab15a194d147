from __future__ import annotations

from query.slices import whole
from query.store.cardinality import Cardinality, counting
from query.store.index import Index
from tests.query.store.support import labels


def test_the_largest_of_each_kind() -> None:
    """Metric names and pairs by their series, label names by their values and those' characters."""
    index = Index()
    for row in range(2_500):
        index.add(row, labels("many" if row else "one", pod=f"p{row}", zone="eu"))
    found = whole(counting(index, 2))
    assert found == Cardinality(
        label_pairs=2_503,
        metrics=[("many", 2_499), ("one", 1)],
        labels=[("pod", 2_500), ("__name__", 2)],
        characters=[("pod", 2_500 + 10 + 90 * 2 + 900 * 3 + 1_500 * 4), ("__name__", 7)],
        pairs=[("zone=eu", 2_500), ("__name__=many", 2_499)],
    )


def test_it_pauses() -> None:
    """A label with very many values is counted in shares."""
    index = Index()
    for row in range(10_000):
        index.add(row, labels("x", pod=str(row)))
    assert sum(1 for _ in counting(index, 10)) > 5


def test_nothing() -> None:
    """An empty store has nothing to count."""
    assert whole(counting(Index(), 10)) == Cardinality()
