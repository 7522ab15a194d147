"""The collection: rows, labels and senders stay in step."""

from __future__ import annotations

import numpy as np
import pytest

from query.labels import SENDER
from query.store import collection as module
from query.store.collection import Collection
from query.store.rows import Series
from query.store.senders import Sender, SenderTable
from tests.query.store.support import equal, labels

M = labels("m")


def filled(*names: str) -> tuple[Collection, list[Sender], list[Series]]:
    """Live senders, each with one series of the same labels."""
    collection = Collection(SenderTable(10))
    senders = [sender for name in names if (sender := collection.senders.add(name, 20_000))]
    for sender in senders:
        sender.report(0)
        collection.senders.live[sender.number] = True
        collection.senders.update(sender)
    series = [collection.create(one, M, start_ms=0, is_counter=True) for one in senders]
    return collection, senders, series


def push(collection: Collection, series: Series, time_ms: int) -> None:
    collection.rings.push(np.array([series.row]), np.array([time_ms]), np.array([1.0]), 0)


def test_series_are_told_apart_once() -> None:
    """The label is shown where two are live, told the first time only, and only to a sender that watches."""
    collection, (a, b), _ = filled("a", "b")
    newer = collection.tell_apart(b)
    older = collection.tell_apart(a)
    again = collection.tell_apart(a)
    assert (newer, older, again, collection.index.match([equal(SENDER, "b")]).tolist()) == (
        {},
        {M: ["a", "b"]},
        {},
        [1],
    )


def test_a_third_sender_joins_two_that_were_told_apart() -> None:
    """It gets its label when one of the others reports after it."""
    collection, (a, _), _ = filled("a", "b")
    collection.tell_apart(a)
    third = collection.senders.add("c", 20_000)
    assert third is not None
    collection.senders.live[third.number] = True
    series = collection.create(third, M, start_ms=0, is_counter=True)
    before = collection.rows.shown[series.row]
    told = collection.tell_apart(a)
    after = dict(collection.rows.shown[series.row])
    assert (before, told, after[SENDER]) == (M, {M: ["a", "b", "c"]}, "c")


def test_a_sender_that_is_over_shares_nothing() -> None:
    """Labels of a sender that is not live any more, or gone, are joined."""
    collection, (a, b), series = filled("a", "b")
    collection.senders.live[b.number] = False
    ended = collection.tell_apart(a)
    a.watched.add(M)
    collection.remove([series[1]])
    assert (ended, collection.tell_apart(a), collection.rows.shared[series[0].row]) == (
        {},
        {},
        False,
    )


def test_those_that_ended_first_go_first() -> None:
    """At a limit, series of senders that are not live are offered in the order of their ends."""
    collection, senders, series = filled("a", "b", "c", "d")
    for sender, at_ms in zip(senders, (5_000, 3_000, 4_000, 1_000), strict=True):
        sender.report(at_ms)
        collection.senders.update(sender)
    collection.senders.live[[0, 1, 2]] = False
    assert [one.sender.name for one in collection.ended(2)] == ["b", "c"]
    assert len(collection) == len(series)


def test_old_series_are_found_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call looks through some rows and goes on where it must: nothing is passed over."""
    monkeypatch.setattr(module, "SCANNED_AT_ONCE", 2)
    collection, _, series = filled("a", "b", "c", "d", "e")
    for time_ms, one in enumerate(series):
        push(collection, one, time_ms)
    found = []
    for limit in (1, 1, 9, 9, 9):
        old = collection.old(4, limit)
        found.append([one.sender.name for one in old])
        collection.remove(old)
    assert found == [["a"], ["b"], ["c", "d"], [], []]


def test_what_was_removed_is_dead_and_its_row_is_used_again() -> None:
    """Holders of a removed series see that it is not alive; its name has lapsed."""
    collection, (a, _), series = filled("a", "b")
    row = series[0].row
    collection.remove([series[0]])
    new = collection.create(a, labels("n"), start_ms=0, is_counter=False)
    assert (series[0].alive, series[1].alive, new.row, a.lapsed_names, a.series_count) == (
        False,
        True,
        row,
        {"m"},
        1,
    )
