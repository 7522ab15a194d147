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


def test_labels_share_their_pairs() -> None:
    """Equal label sets are one object, and others are made of the same pairs, until far more pairs than series are kept."""
    catalogue = Catalogue()
    first = catalogue.intern(labels("m", k="v"))
    for row, sender in enumerate((A, B)):
        catalogue.add(Series(sender, first, row))
    same = catalogue.intern(labels("m", k="v"))
    other = catalogue.intern(labels("n", k="v"))
    for i in range(2_000):
        catalogue.intern(labels("m", i=str(i)))
    catalogue.forget_pairs(2)
    later = catalogue.intern(labels("o", k="v"))
    assert (same is first, other[1] is first[1], later[1] is first[1]) == (True, True, False)
