"""The catalogue: series by sender and labels."""

from __future__ import annotations

from query.store.catalogue import Catalogue
from query.store.rows import Series
from query.store.senders import Sender
from tests.query.store.support import labels

A, B, C = (Sender(name, number, 20_000) for number, name in enumerate("abc"))
M = labels("m", k="v")


def test_a_series_is_found_by_sender_and_labels() -> None:
    """Equal labels of other senders are other series."""
    catalogue = Catalogue()
    mine = Series(A, M, 0)
    before = catalogue.get("a", M)
    catalogue.add(mine)
    assert (before, catalogue.get("a", M), catalogue.get("b", M), catalogue.sharing(M)) == (
        None,
        mine,
        None,
        [mine],
    )


def test_shared_labels() -> None:
    """Up to three senders share labels, come in order and leave in any."""
    catalogue = Catalogue()
    series = [Series(sender, M, row) for row, sender in enumerate((A, B, C))]
    others = [catalogue.add(one) for one in series]
    found = [catalogue.get(name, M) for name in "abcd"]
    left = [catalogue.remove(series[row]) for row in (1, 0, 2)]
    assert (others, found, left, catalogue.sharing(M), len(catalogue)) == (
        [[], series[:1], series[:2]],
        [*series, None],
        [None, series[2], None],
        [],
        0,
    )
