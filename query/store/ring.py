"""Samples of all series: one ring per series, all rings side by side in one pair of flat arrays.

A ring is 16, 64, 256 or 1024 slots of the two arrays; it moves up to the next size while its oldest sample is still
wanted (DESIGN 5). Rings of ended series are kept in a free list per size and used again, so that what comes and goes
does not make the arrays grow. One pair of arrays for all sizes, because then one message is one fancy assignment and
one query is one fancy read, whatever the sizes are.

A trap: the stale marker is a NaN told from others by its bits. Storing and copying keep them, but any arithmetic, `x + 0`
too, turns it into an ordinary NaN and may warn: drop stale samples by `is_stale` *before* computing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from query.queryable import STALE_BITS, BoolArray, Float64Array, Int64Array
from query.slices import Sliced, whole
from query.store.allowance import Allowance
from query.store.slots import Found, Slots, count_lines, positions
from query.store.table import Table, resized

RING_SIZES = (16, 64, 256, 1024)
"""Powers of two, so that a position in a ring is a bit mask away."""

LONG_RING_SIZES = (4096, 16384)
"""What rings go on to where samples are kept by count only, as long as LONG_RINGS_SAMPLES are not used up."""
LONG_RINGS_SAMPLES = 2**22
"""Slots of all long rings together, 64 MiB: enough to replay recorded data, and a bound."""

STALE = np.array([STALE_BITS], dtype=np.uint64).view(np.float64)
"""float64[1]: the stale marker; a Python float or a numpy scalar may lose its bits on the way."""

_SLOT_BYTES = 16
_FIRST_CAPACITY = 256
_FIRST_WIDTH = 8
_BLOCK = 1_024
"""Rows read at once; 10,000 rows in one piece took 2 ms, most of it page faults, in blocks 0.7 ms."""
_CELLS = 16 * _BLOCK
"""Slots looked at at once: under half a millisecond."""
_NEWEST_AT_ONCE = 4_096
"""Rows whose newest sample is read at once, for the same reason."""
_CLOSED = int(np.iinfo(np.int64).max)
"""Stands where a row has no ring: later than any opening."""

Rows = npt.NDArray[np.int64]


class Samples(NamedTuple):
    """Copies, one row per series: ascending in the first `counts[i]` columns, undefined behind them."""

    times_ms: Int64Array
    values: Float64Array
    counts: Int64Array


class Rings:
    """The samples of every row; a row is a small integer that the caller hands out.

    Rows are opened one by one; `push`, `read` and the others take arrays of rows. Times in a row ascend strictly: the
    caller sees to it. The plain twin, a list per row, is in tests/query/store/test_ring.py.
    """

    def __init__(self, *, long_rings: bool = False) -> None:
        self._sizes = RING_SIZES + LONG_RING_SIZES if long_rings else RING_SIZES
        self._long_room = LONG_RINGS_SAMPLES
        self._times = np.empty(_FIRST_CAPACITY, dtype=np.int64)
        self._values = np.empty(_FIRST_CAPACITY, dtype=np.float64)
        self._used = 0
        self._free: dict[int, list[int]] = {size: [] for size in self._sizes}
        self._base = np.zeros(0, dtype=np.int64)
        self._mask = np.zeros(0, dtype=np.int64)
        self._written = np.zeros(0, dtype=np.int64)
        self._opened = np.zeros(0, dtype=np.int64)
        """Which opening gave each row its ring, counted from 1, or _CLOSED."""
        self.allowance = Allowance()
        """For rings that move up; while it is spent, they take free ones only."""
        self.cut: set[int] = set()
        """Rows that lost a wanted sample because it was spent; whoever reads this empties it."""
        self.openings = 0
        """How many rings were given out so far."""

    @property
    def capacity(self) -> int:
        """Samples that the arrays have room for."""
        return len(self._times)

    def reserve(self, rows: int) -> None:
        """Make room for the rows 0 .. rows - 1."""
        self._base = resized(self._base, rows)
        self._mask = resized(self._mask, rows)
        self._written = resized(self._written, rows)
        self._opened = resized(self._opened, rows)

    def open(self, row: int, size: int = RING_SIZES[0]) -> None:
        """Give `row` an empty ring."""
        self._base[row] = self._allocate(size)
        self._mask[row] = size - 1
        self._written[row] = 0
        self.openings += 1
        self._opened[row] = self.openings

    def close(self, rows: Rows) -> None:
        """Take the rings of `rows` back."""
        self._opened[rows] = _CLOSED
        for base, mask in zip(self._base[rows].tolist(), self._mask[rows].tolist(), strict=True):
            self._free[mask + 1].append(base)

    def load(self, row: int, times_ms: Int64Array, values: Float64Array) -> None:
        """Fill the empty ring of `row` with its newest samples, as many as the largest ring holds."""
        times_ms, values = times_ms[-RING_SIZES[-1] :], values[-RING_SIZES[-1] :]
        size = next(size for size in RING_SIZES if len(times_ms) <= size)
        self.close(np.array([row]))
        self.open(row, size)
        base = int(self._base[row])
        self._times[base : base + len(times_ms)] = times_ms
        self._values[base : base + len(values)] = values
        self._written[row] = len(times_ms)

    def push(
        self, rows: Rows, times_ms: Int64Array, values: Float64Array, keep_after_ms: int
    ) -> int:
        """Append one sample to each of `rows`, all different; return how many wanted samples were overwritten.

        A ring moves up while its oldest sample is later than `keep_after_ms`.
        """
        written, mask = self._written.take(rows), self._mask.take(rows)
        at = self._base.take(rows)
        at += written & mask
        lost = 0
        full = written > mask
        if np.count_nonzero(full):
            full &= self._times.take(at) > keep_after_ms
            if np.count_nonzero(full):
                lost = self._move_up(rows[full])
                written = self._written.take(rows)
                at = self._base.take(rows) + (written & self._mask.take(rows))
        self._times[at] = times_ms
        self._values[at] = values
        written += 1
        self._written[rows] = written
        return lost

    def push_one(self, row: int, time_ms: int, value: float, keep_after_ms: int) -> bool:
        """Append one sample as `push` would; return False, and do nothing, if the ring would have to move up."""
        written, mask = int(self._written[row]), int(self._mask[row])
        at = int(self._base[row]) + (written & mask)
        if written > mask and self._times[at] > keep_after_ms:
            return False
        self._times[at] = time_ms
        self._values[at] = value
        self._written[row] = written + 1
        return True

    def move_newest_back(self, row: int, before_ms: int) -> int:
        """Move the newest sample to 1 ms after the one before it, if that is earlier than `before_ms`.

        Returns:
            The newest sample's time afterwards.
        """
        base, mask, written = int(self._base[row]), int(self._mask[row]), int(self._written[row])
        newest, time_ms = (
            base + (written - 1 & mask),
            int(self._times[base + (written - 2 & mask)]) + 1,
        )
        if time_ms < before_ms:
            self._times[newest] = time_ms
        return int(self._times[newest])

    def newest(self, rows: Rows) -> tuple[Int64Array, Float64Array]:
        """Return time and value of the newest sample of each of `rows`; undefined for an empty row."""
        at = self._base.take(rows) + ((self._written.take(rows) - 1) & self._mask.take(rows))
        return self._times.take(at), self._values.take(at)

    def oldest_ms(self, rows: Rows) -> Int64Array:
        """Return the time of the oldest sample of each of `rows`; undefined for an empty row."""
        written, mask = self._written.take(rows), self._mask.take(rows)
        return self._times.take(self._base.take(rows) + np.where(written > mask, written & mask, 0))

    def held(self, rows: Rows) -> Int64Array:
        """Return how many samples each of `rows` holds."""
        return np.minimum(self._written.take(rows), self._mask.take(rows) + 1)

    def reaches(self, rows: Rows, start_ms: int) -> BoolArray:
        """Return which of `rows` hold a sample after `start_ms`."""
        later = self.newest(rows)[0] > start_ms
        later &= self._written.take(rows) > 0
        return later

    def same(self, rows: Rows, since: int) -> BoolArray:
        """Return which of `rows` are what they were when there had been `since` openings, and not another's by now."""
        same: BoolArray = self._opened.take(rows) <= since
        return same

    def read(self, rows: Rows, start_ms: int, end_ms: int) -> Samples:
        """Return the samples of `rows` in (start_ms, end_ms]."""
        return whole(self.reading(rows, start_ms, end_ms, self.openings))

    def reading(self, rows: Rows, start_ms: int, end_ms: int, since: int) -> Sliced[Samples]:
        """Return the samples of `rows` in (start_ms, end_ms], none where a row is not the `same` since `since`.

        Only as many columns are read as reach back to `start_ms`: a question about the last minute does not pay for
        rings that remember an hour. The work goes in blocks of rows, so that what is needed on the way is small enough
        to be taken from the heap; and with one line per column, because numpy is several times faster along long lines.
        Rows may be written, opened and closed in the pauses: each is read whole between two of them.
        """
        counts = np.empty(len(rows), dtype=np.int64)
        table, part = Table(len(rows)), slice(0, 0)
        at, most, depth = 0, _BLOCK, 0
        while at < len(rows):
            if at:
                yield depth * (part.stop - part.start)
            block = rows[at : at + most]
            slots = self._slots(block)
            width = self._width(slots, start_ms)
            most = min(max(_CELLS // max(width, 1), 1), _BLOCK)
            if most < len(block):
                block, slots = block[:most], Slots(*[column[:most] for column in slots])
            part = slice(at, at + len(block))
            found = self._found(slots, width, start_ms, end_ms)
            found.counts[~self.same(block, since)] = 0
            counts[part] = found.counts
            depth = int(found.counts.max(initial=0))
            if len(block) == len(rows):
                times_ms, values = self._copies(slots, found, depth)
                return Samples(times_ms.T, values.T, counts)
            if depth > table.room and (yield from table.deepened(depth, at)):
                continue  # the rows may have changed
            if depth:
                times_ms, values = self._copies(slots, found, depth)
                table.times_ms[:depth, part], table.values[:depth, part] = times_ms, values
            at = part.stop
        depth = int(counts.max(initial=0))
        return Samples(table.times_ms[:depth].T, table.values[:depth].T, counts)

    def read_newest(self, rows: Rows, start_ms: int, end_ms: int) -> Samples:
        """Return the newest sample of each of `rows` in (start_ms, end_ms], in at most one column."""
        return whole(self.reading_newest(rows, start_ms, end_ms, self.openings))

    def reading_newest(self, rows: Rows, start_ms: int, end_ms: int, since: int) -> Sliced[Samples]:
        """Return the newest sample of each of `rows` in (start_ms, end_ms], in one column; pauses as `reading` does."""
        times_ms, values = np.empty((1, len(rows)), dtype=np.int64), np.empty((1, len(rows)))
        counts = np.zeros(len(rows), dtype=np.int64)
        for at in range(0, len(rows), _NEWEST_AT_ONCE):
            if at:
                yield _NEWEST_AT_ONCE
            block = slice(at, at + _NEWEST_AT_ONCE)
            found = self._newest_in(rows[block], start_ms, end_ms)
            if found is None:
                found = yield from self.reading(rows[block], start_ms, end_ms, since)
                found = _last_column(found)
            counts[block] = np.where(self.same(rows[block], since), found.counts, 0)
            if found.times_ms.shape[1]:
                times_ms[:, block], values[:, block] = found.times_ms.T, found.values.T
        return Samples(times_ms.T, values.T, counts)

    def _newest_in(self, rows: Rows, start_ms: int, end_ms: int) -> Samples | None:
        """Return the newest samples in (start_ms, end_ms], None if they are not all among the last few of the rings.

        They are, unless the question is about times that are long past.
        """
        written, mask = self._written.take(rows), self._mask.take(rows)
        base, held = self._base.take(rows), np.minimum(written, mask + 1)
        number = written - 1
        times_ms = self._times.take(base + (number & mask))
        for _ in range(_FIRST_WIDTH):
            late = np.flatnonzero((times_ms > end_ms) & (written - number < held))
            if not late.size:
                break
            number[late] -= 1
            times_ms[late] = self._times.take(base[late] + (number[late] & mask[late]))
        else:
            return None
        there = (held > 0) & (times_ms > start_ms) & (times_ms <= end_ms)
        values = self._values.take(base + (number & mask))
        return Samples(times_ms[:, None], values[:, None], there.astype(np.int64))

    def _slots(self, rows: Rows) -> Slots:
        return Slots(self._base.take(rows), self._mask.take(rows), self._written.take(rows))

    def _found(self, slots: Slots, width: int, start_ms: int, end_ms: int) -> Found:
        """Return where the samples in (start_ms, end_ms] are, all of them among the `width` newest of each ring."""
        held = slots.held()
        first = slots.written - np.minimum(held, width)
        where = positions(first, width, slots.base, slots.mask)
        times_ms = self._times.take(where)
        early, until = times_ms <= start_ms, times_ms <= end_ms
        if int(held.min(initial=width)) < width:
            there = np.arange(width)[:, None] < held
            early &= there
            until &= there
        before = count_lines(early)
        # A time that has moved back may lie before the start too: such a row has none, not less than none.
        counts = np.maximum(count_lines(until) - before, 0)
        return Found(first, before, counts, where, times_ms)

    def _copies(self, slots: Slots, found: Found, depth: int) -> tuple[Int64Array, Float64Array]:
        """Return times and values of what was found, `depth` lines of them."""
        before = int(found.before[0])
        if before + depth <= len(found.where) and (found.before == before).all():
            lines = slice(before, before + depth)
            return found.times_ms[lines], self._values.take(found.where[lines])
        where = positions(found.first + found.before, depth, slots.base, slots.mask)
        return self._times.take(where), self._values.take(where)

    def _width(self, slots: Slots, start_ms: int) -> int:
        """Return how many of the newest samples of each ring reach back to `start_ms`, rounded up."""
        held = slots.held()
        longest = int(held.max(initial=0))
        width = min(_FIRST_WIDTH, longest)
        while width < longest:
            longer = np.flatnonzero(held > width)
            at = slots.base[longer] + (slots.written[longer] - width - 1 & slots.mask[longer])
            if not np.count_nonzero(self._times.take(at) > start_ms):
                break
            width = min(2 * width, longest)
        return width

    def _move_up(self, rows: Rows) -> int:
        """Move the full rings of `rows` to the next size; return how many have none."""
        lost = 0
        for row in rows.tolist():
            size = int(self._mask[row]) + 1
            if size == self._sizes[-1] or not self._may_take(size * 4):
                lost += 1
                if self.allowance.is_spent:
                    self.cut.add(row)
                continue
            old, new = int(self._base[row]), self._allocate(size * 4)
            in_order = old + (int(self._written[row]) + np.arange(size) & size - 1)
            self._times[new : new + size] = self._times[in_order]
            self._values[new : new + size] = self._values[in_order]
            self._base[row], self._mask[row], self._written[row] = new, size * 4 - 1, size
            self._free[size].append(old)
        return lost

    def _may_take(self, size: int) -> bool:
        """Return whether there may be another ring of `size`; what a long ring took stays taken."""
        if self._free[size]:
            return True
        grows = self._used + size > self.capacity
        copied_bytes = self.capacity * self._times.itemsize if grows else 0
        if not self.allowance.spend(size * _SLOT_BYTES + copied_bytes):
            return False
        if size <= RING_SIZES[-1]:
            return True
        self._long_room -= size
        return self._long_room >= 0

    def _allocate(self, size: int) -> int:
        """Return where a free ring of `size` begins."""
        free = self._free[size]
        if free:
            return free.pop()
        base = self._used
        self._used += size
        if self._used > len(self._times):
            self._times = resized(self._times, self._used)
            self._values = resized(self._values, self._used)
        return base


def _last_column(samples: Samples) -> Samples:
    """Return the newest sample of each row."""
    if not samples.times_ms.shape[1]:
        return samples
    rows, last = np.arange(len(samples.counts)), np.maximum(samples.counts - 1, 0)
    times_ms, values = samples.times_ms[rows, last], samples.values[rows, last]
    return Samples(times_ms[:, None], values[:, None], np.minimum(samples.counts, 1))
