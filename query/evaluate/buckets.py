"""Buckets of classic histograms at one or more steps, brought into a form that can be computed with (promql.md 2.10)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from query.evaluate.grouping import IndexArray
from query.evaluate.label_work import LabelWork
from query.labels import Labels
from query.queryable import BoolArray, Float64Array

BUCKET_LABEL = "le"
CELLS_AT_ONCE = 1_000_000
"""Buckets times steps that are computed with at once: some ten arrays of this size are needed."""
_DIGITS, _HEX_DIGITS = r"\d(?:_?\d)*", r"[\da-f](?:_?[\da-f])*"
_NUMBER = re.compile(
    rf"[+-]?(?:inf(?:inity)?|(?:{_DIGITS}\.?(?:{_DIGITS})?|\.{_DIGITS})(?:e[+-]?{_DIGITS})?"
    rf"|0x_?(?:{_HEX_DIGITS})?\.?(?:{_HEX_DIGITS})?p[+-]?{_DIGITS})",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """The g histograms of a list of label sets and their buckets, sorted by histogram and bound."""

    labels: Sequence[Labels]
    """g label sets, without `le`."""
    rows: IndexArray
    """intp[b]: the series of each bucket."""
    histogram: IndexArray
    """intp[b]: the histogram of each bucket."""
    bounds: Float64Array
    """float64[b]: the upper bound of each bucket."""
    malformed: Sequence[int]
    """Series whose `le` is missing or no number."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """Histograms of about the same number of buckets: h of them, with up to w buckets each, at s steps."""

    histograms: IndexArray
    """intp[h]: which ones."""
    last: IndexArray
    """intp[h]: the index of the last bucket."""
    bounds: Float64Array
    """float64[h, w]: ascending, infinite behind the last one."""
    counts: Float64Array
    """float64[h, w, s]: cumulative as reported; infinite behind the last one."""


def find_layout(work: LabelWork, labels: Sequence[Labels]) -> Layout:
    """Return the histograms that are in `labels`; the metric name is part of a histogram's identity."""
    return work.remember(labels, "histograms", lambda: _layout(labels))


def make_blocks(
    layout: Layout, values: Float64Array, present: BoolArray
) -> Iterator[tuple[slice, Block]]:
    """Yield blocks and the steps they are of; buckets with equal bounds are one, with their counts added.

    Neighbouring steps are done at once while the same buckets are there.
    """
    there = present[layout.rows]
    for span in _spans(there):
        chosen = there[:, span.start].nonzero()[0]
        for block in _blocks(layout, chosen, values[layout.rows[chosen], span]):
            yield span, block


def is_complete(block: Block) -> BoolArray:
    """Return [h]: whether the last bucket has no bound."""
    complete: BoolArray = block.bounds[np.arange(len(block.last)), block.last] == np.inf
    return complete


def counts_at(counts: Float64Array, place: IndexArray) -> Float64Array:
    """Return [h, s]: the counts at a place for each histogram and step."""
    return np.take_along_axis(counts, place[:, np.newaxis, :], axis=1)[:, 0, :]


def parse_bound(text: str) -> float | None:
    """Return the upper bound that `le` gives, None if it is no number."""
    if not _NUMBER.fullmatch(text):
        return None
    text = text.replace("_", "")
    try:
        bound = float.fromhex(text) if "x" in text.lower() else float(text)
    except (OverflowError, ValueError):  # too large, or hexadecimal without digits
        return None
    return None if math.isinf(bound) and text[-1:].isdigit() else bound


def _spans(there: BoolArray) -> Iterator[slice]:
    """Yield runs of steps at which the same buckets are there, cut where they would be too much at once."""
    most = max(CELLS_AT_ONCE // max(len(there), 1), 1)
    changes = np.logical_or.reduce(there[:, 1:] != there[:, :-1], axis=0).nonzero()[0] + 1
    edges = [0, *changes.tolist(), there.shape[1]]
    for begin, end in pairwise(edges):
        for start in range(begin, end, most):
            yield slice(start, min(start + most, end))


def _layout(labels: Sequence[Labels]) -> Layout:
    numbers: dict[Labels, int] = {}
    bounds: dict[str, float | None] = {}
    found: list[tuple[int, float, int]] = []
    malformed: list[int] = []
    for row, one in enumerate(labels):
        text = next((value for name, value in one if name == BUCKET_LABEL), "")
        if text not in bounds:
            bounds[text] = parse_bound(text)
        bound = bounds[text]
        if bound is None:
            malformed.append(row)
            continue
        key = tuple([pair for pair in one if pair[0] != BUCKET_LABEL])
        found.append((numbers.setdefault(key, len(numbers)), bound, row))
    found.sort()
    return Layout(
        labels=tuple(numbers),
        rows=np.array([row for _, _, row in found], dtype=np.intp),
        histogram=np.array([number for number, _, _ in found], dtype=np.intp),
        bounds=np.array([bound for _, bound, _ in found], dtype=np.float64),
        malformed=malformed,
    )


def _blocks(layout: Layout, chosen: IndexArray, counts: Float64Array) -> Iterator[Block]:
    """Yield the histograms whose buckets `chosen` are, by the number of their buckets in powers of two."""
    if not len(chosen):
        return
    histogram, bounds = layout.histogram[chosen], layout.bounds[chosen]
    is_new = np.ones(len(chosen), dtype=np.bool_)
    is_new[1:] = (histogram[1:] != histogram[:-1]) | (bounds[1:] != bounds[:-1])
    firsts = is_new.nonzero()[0]
    counts = np.add.reduceat(counts, firsts, axis=0)
    histogram, bounds = histogram[firsts], bounds[firsts]
    starts = np.searchsorted(histogram, numbers := np.unique(histogram))
    sizes = np.diff(starts, append=len(histogram))
    widths = np.ceil(np.log2(sizes)).astype(np.intp)
    for width in np.unique(widths).tolist():
        some = (widths == width).nonzero()[0]
        place = np.arange(int(sizes[some].max()))
        inside = place < sizes[some, np.newaxis]
        at = starts[some, np.newaxis] + np.where(inside, place, 0)
        yield Block(
            histograms=numbers[some],
            last=sizes[some] - 1,
            bounds=np.where(inside, bounds[at], np.inf),
            counts=np.where(inside[:, :, np.newaxis], counts[at], np.inf),
        )
