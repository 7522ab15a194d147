"""What is remembered is bounded."""

from __future__ import annotations

from collections import Counter

from receivers.otlp.cache import MAX_BYTES, Cache


def test_begins_anew_when_full() -> None:
    """A full cache forgets everything, which is counted, and goes on."""
    counts: Counter[str] = Counter()
    cache: Cache[int, str] = Cache(2, lambda reason, amount: counts.update({reason: amount}))
    for key in (1, 2, 3):
        cache.put(key, str(key), 1)
    assert [cache.get(key) for key in (1, 2, 3)] == [None, None, "3"]
    assert counts == {"cache_cleared": 1}


def test_begins_anew_when_too_large() -> None:
    """So does one whose entries are too large together."""
    counts: Counter[str] = Counter()
    cache: Cache[int, str] = Cache(
        9, lambda reason, amount: counts.update({reason: amount}), max_bytes=100
    )
    for key in (1, 2, 3):
        cache.put(key, str(key), 50)
    assert [cache.get(key) for key in (1, 2, 3)] == [None, None, "3"]
    assert counts == {"cache_cleared": 1}


def test_large_entries_are_not_kept() -> None:
    """What is out of all proportion is read anew each time."""
    cache: Cache[int, str] = Cache(2, lambda _, __: None)
    cache.put(1, "one", MAX_BYTES)
    cache.put(2, "two", MAX_BYTES + 1)
    assert (cache.get(1), cache.get(2)) == ("one", None)
