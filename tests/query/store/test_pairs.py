"""Pairs: equal pairs of label name and value are kept once."""

from __future__ import annotations

from query.labels import SENDER, Labels
from query.store.collection import Collection
from query.store.rows import Series
from query.store.senders import Sender, SenderTable
from tests.query.store.support import labels


def filled(*sets: Labels) -> tuple[Collection, Sender, list[Series]]:
    """A collection with a series of sender `a` for each of these label sets."""
    collection = Collection(SenderTable(9))
    sender = collection.senders.add("a", 20_000)
    assert sender is not None
    return collection, sender, [create(collection, sender, one) for one in sets]


def create(collection: Collection, sender: Sender, of: Labels) -> Series:
    return collection.create(sender, of, start_ms=0, is_counter=False)


def fresh(name: str, **others: str) -> Labels:
    """Labels made of strings that nobody else has."""
    return tuple([("".join(key), "".join([*value, ""])) for key, value in labels(name, **others)])


def test_series_are_made_of_the_same_pairs() -> None:
    """The second and third series with a pair have the first one's; names are shared even where values differ."""
    _, _, (first, second, third, other) = filled(
        *(fresh(name, key="value") for name in ("one", "two", "two!")), fresh("one", key="other")
    )
    pair = first.labels[1]
    assert (second.labels[1] is pair, third.labels[1] is pair) == (True, True)
    assert other.labels[0] is first.labels[0]
    assert (other.labels[1] == pair, other.labels[1][0] is pair[0]) == (False, True)


def test_equal_label_sets_are_one_object() -> None:
    """Series of two senders with equal labels hold the same tuple."""
    collection, _, (first,) = filled(fresh("one", key="value"))
    newer = collection.senders.add("b", 20_000)
    assert newer is not None
    assert create(collection, newer, fresh("one", key="value")).labels is first.labels


def test_a_pair_is_made_anew_after_its_last_series() -> None:
    """Nothing keeps what no series has any more; a row that is used again lends nothing of its former series."""
    collection, sender, (first,) = filled(fresh("one", key="value"))
    collection.remove([first])
    create(collection, sender, fresh("two", other="value"))
    again = create(collection, sender, fresh("one", key="value"))
    assert again.labels == first.labels
    assert again.labels[1] is not first.labels[1]


def test_the_label_that_tells_senders_apart_is_found() -> None:
    """A sender's own label equal to one that is only shown, and several times used, is shared like any other."""
    collection, sender, (first,) = filled(fresh("one", key="value"))
    collection.show_senders([first])
    others = [create(collection, sender, fresh(name, sender="a")) for name in ("two", "three")]
    shown, *pairs = [
        next(pair for pair in one if pair[0] == SENDER)
        for one in (collection.rows.shown[first.row], *(one.labels for one in others))
    ]
    assert [pair is shown for pair in pairs] == [True, True]


def test_what_is_remembered_is_bounded() -> None:
    """Pairs that occurred twice are forgotten once there are far more than series; those in use are found again."""
    collection, sender, (first,) = filled(fresh("one", key="value"))
    for i in range(1_100):
        pair = [create(collection, sender, fresh(name, i=str(i))) for name in ("two", "three")]
        collection.remove(pair)
    again = create(collection, sender, fresh("four", key="value"))
    assert again.labels[1] is first.labels[1]
