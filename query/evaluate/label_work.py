"""Work on label sets that is done once and used again while the label sets stay the same (promql.md 9).

In Python it costs more than the arithmetic: a hundred thousand label sets take 40 ms to compare, their values 1 ms to
add. The store hands out the same tuple of label sets as long as no series comes or goes, so results are kept by the
identity of the sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TypeVar, cast, overload

from query.evaluate.shares import different
from query.labels import METRIC_NAME, Labels

T = TypeVar("T")

METADATA_LABELS = frozenset({METRIC_NAME, "__type__", "__unit__"})
"""What an operation drops that drops the metric name (promql.md 2.13)."""
MAX_REMEMBERED_ROWS = 1_000_000
"""Label sets whose results one generation remembers."""


def without_metadata(labels: Labels) -> Labels:
    """Return `labels` less the metric name, type and unit."""
    if labels and labels[0][0] == METRIC_NAME:
        labels = labels[1:]
        if not labels or labels[0][0] > "__unit__":
            return labels
    return tuple([pair for pair in labels if pair[0] not in METADATA_LABELS])


class NamelessLabels(Sequence[Labels]):
    """Label sets without name, type and unit, made when somebody looks: an aggregation may never do so."""

    __slots__ = ("_made", "base")

    def __init__(self, base: Sequence[Labels]) -> None:
        self.base = base
        self._made: tuple[Labels, ...] | None = None

    def __len__(self) -> int:
        return len(self.base)

    def __iter__(self) -> Iterator[Labels]:
        return iter(self._all())

    @overload
    def __getitem__(self, index: int) -> Labels: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Labels]: ...
    def __getitem__(self, index: int | slice) -> Labels | Sequence[Labels]:
        if self._made is None and isinstance(index, int):
            return without_metadata(self.base[index])
        return self._all()[index]

    def _all(self) -> tuple[Labels, ...]:
        if self._made is None:
            self._made = tuple([without_metadata(labels) for labels in self.base])
        return self._made


class LabelWork:
    """Remembers results by the identity of a sequence of label sets, which must never change; bounded.

    Results are kept in two generations: what was not asked for while a whole generation filled is forgotten. Safe to
    use from the event loop and a worker thread at once: the worst is work done twice.
    """

    def __init__(self, max_rows: int = MAX_REMEMBERED_ROWS) -> None:
        self._max_rows = max_rows
        self._rows = 0
        self._young: dict[tuple[int, Hashable], tuple[Sequence[Labels], object]] = {}
        self._old: dict[tuple[int, Hashable], tuple[Sequence[Labels], object]] = {}

    def remember(self, labels: Sequence[Labels], key: Hashable, compute: Callable[[], T]) -> T:
        """Return what `compute` yields for `labels` under `key`, perhaps computed earlier.

        A list was made for one query: nothing is remembered about it.
        """
        if isinstance(labels, list):
            return compute()
        place = (id(labels), key)
        found = self._young.get(place)
        if found is None:
            found = self._old.get(place)
            if found is None:
                found = (labels, compute())
            self._add(place, found, len(labels))
        return cast("T", found[1])

    def without_metadata(self, labels: Sequence[Labels]) -> Sequence[Labels]:
        """Return the label sets without name, type and unit: the same object for the same `labels`."""
        return self.remember(labels, "without metadata", lambda: NamelessLabels(labels))

    def all_different(self, labels: Sequence[Labels]) -> bool:
        """Return whether no two label sets are equal."""
        if len(labels) <= 1:
            return True
        return self.remember(labels, "all different", lambda: self._all_different(labels))

    def one_name(self, labels: Sequence[Labels]) -> bool:
        """Return whether all label sets agree in name, type and unit."""
        return self.remember(labels, "one name", lambda: _one_name(labels))

    def _all_different(self, labels: Sequence[Labels]) -> bool:
        if isinstance(labels, NamelessLabels) and self.one_name(labels.base):
            return self.all_different(labels.base)
        return len(different(list(labels))) == len(labels)

    def _add(
        self,
        place: tuple[int, Hashable],
        found: tuple[Sequence[Labels], object],
        rows: int,
    ) -> None:
        self._rows += rows + 1
        if self._rows > self._max_rows:
            self._old, self._young = self._young, {}
            self._rows = rows + 1
        self._young[place] = found


def _one_name(labels: Sequence[Labels]) -> bool:
    return len({_metadata(one) for one in labels}) <= 1


def _metadata(labels: Labels) -> Labels:
    return tuple([pair for pair in labels if pair[0] in METADATA_LABELS])
