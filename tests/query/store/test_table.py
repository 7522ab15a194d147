"""The table that a question's samples are collected in."""

from __future__ import annotations

import numpy as np
import pytest

from query.slices import Sliced
from query.store import table
from query.store.table import Table


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_HUGE_PAGE", 8)


def _pauses(work: Sliced[bool]) -> int:
    """Return how often `work` pauses, after it has said the same."""
    pauses = 0
    while True:
        try:
            next(work)
        except StopIteration as done:
            paused: bool = done.value
            break
        pauses += 1
    assert paused == (pauses > 0)
    return pauses


def test_memory_comes_page_by_page() -> None:
    """Room for large selections is taken with a pause for every page, in both arrays; small ones take no pause."""
    large, small = Table(10), Table(2)
    assert _pauses(large.deepened(4, 0)) == 2 * (4 * 10 // 8 - 1)
    assert _pauses(small.deepened(4, 0)) == 0
    assert large.room >= 4 <= small.room


def test_what_is_there_stays() -> None:
    """A table that is deepened keeps what it holds: the columns that are used."""
    deep = Table(10)
    _pauses(deep.deepened(2, 0))
    deep.times_ms[:2, :7] = deep.values[:2, :7] = np.arange(14).reshape(2, 7)
    _pauses(deep.deepened(9, 7))
    assert (deep.times_ms[:2, :7] == np.arange(14).reshape(2, 7)).all()
    assert (deep.values[:2, :7] == np.arange(14).reshape(2, 7)).all()
