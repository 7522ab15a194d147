"""Work on very many label sets in shares, between which other threads get their turn.

What one call into the interpreter's C code does, it does without letting go: a sort of 100,000 label sets would keep the
event loop waiting for 200 ms, a set of them for 40 ms.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TypeVar

from query.labels import Labels

T = TypeVar("T", Labels, str)

SHARE = 500
"""Label sets that are worked on at once: under a millisecond."""


def sorted_rows(labels: Sequence[T]) -> list[int]:
    """Return the rows in the order of their labels or texts, equal ones in the order of their rows."""
    bounds = sorted(labels[::SHARE])
    shares: list[list[int]] = [[] for _ in range(len(bounds) + 1)]
    for row, one in enumerate(labels):
        shares[bisect_right(bounds, one)].append(row)
    for share in shares:
        share.sort(key=labels.__getitem__)
    return [row for share in shares for row in share]


def sorted_texts(texts: Sequence[str]) -> list[str]:
    """Return `texts` in order."""
    return [texts[row] for row in sorted_rows(texts)]


def different(labels: Sequence[Labels]) -> set[Labels]:
    """Return the label sets that differ from each other."""
    found: set[Labels] = set()
    for first in range(0, len(labels), SHARE):
        found.update(labels[first : first + SHARE])
    return found
