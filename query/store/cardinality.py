"""How many series carry which names and labels: what takes the room, told by `status/tsdb`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import nlargest
from typing import TypeAlias

from query.labels import METRIC_NAME
from query.slices import Sliced
from query.store.index import Index

Counted: TypeAlias = tuple[str, int]

_VALUES_AT_ONCE = 1_000


@dataclass(slots=True, kw_only=True)
class Cardinality:
    """The largest of each kind, largest first."""

    label_pairs: int = 0
    """Different pairs of label name and value."""
    metrics: list[Counted] = field(default_factory=list)
    """Series by metric name."""
    labels: list[Counted] = field(default_factory=list)
    """Values by label name."""
    characters: list[Counted] = field(default_factory=list)
    """Characters of all values by label name."""
    pairs: list[Counted] = field(default_factory=list)
    """Series by `name=value`."""


def counting(index: Index, most: int) -> Sliced[Cardinality]:
    """Return the `most` largest of each kind; what comes or goes in the pauses may be counted or not."""
    found = Cardinality()
    for name in index.names():
        values = index.values(name)
        found.label_pairs += len(values)
        found.labels.append((name, len(values)))
        found.characters.append((name, sum(map(len, values))))
        for first in range(0, len(values), _VALUES_AT_ONCE):
            some = values[first : first + _VALUES_AT_ONCE]
            counts = [(value, index.count(name, value)) for value in some]
            if name == METRIC_NAME:
                found.metrics = _largest(most, [*found.metrics, *counts])
            found.pairs = _largest(most, [*found.pairs, *((f"{name}={v}", n) for v, n in counts)])
            yield len(some)
    found.labels = _largest(most, found.labels)
    found.characters = _largest(most, found.characters)
    return found


def _largest(most: int, counted: Iterable[Counted]) -> list[Counted]:
    return nlargest(most, counted, key=lambda one: one[1])
