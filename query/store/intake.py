"""The way of a message into the rings: what is late, what is a reset, what is only rounding; deltas become totals."""

from __future__ import annotations

from collections import Counter

import numpy as np

from query.queryable import NO_TIME, BoolArray, Float64Array, Int64Array, is_stale
from query.store.ring import STALE, Rings, Rows
from query.store.rows import LOOK_FIRST, NO_ROW, RowTable
from query.store.senders import Sender
from query.store.totals import Part, beginnings, judge, not_before_total, totals_of

MAX_FUTURE_MS = 600_000
"""Samples this far ahead of the corrected clock are refused (keda.md 6.3.5)."""
ROUNDING = 1e-9
"""A counter that drops by less than this part of its value has not been reset (opencensus.md 4.4)."""
MAX_REPEATS = 256
"""Samples of one series in one message; older ones count as late."""


class Intake:
    """Writes messages into rings; `counters` is shared with the store."""

    def __init__(
        self, rows: RowTable, rings: Rings, counters: Counter[str], retention_ms: int
    ) -> None:
        self._rows = rows
        self._rings = rings
        self._counters = counters
        self._retention_ms = retention_ms

    def append(
        self, sender: Sender, at_ms: int, part: Part, *, are_distinct: bool | None = None
    ) -> int:
        """Store one message; times are corrected already and the arrays are the callee's. Return samples stored.

        `are_distinct` tells of rows that are all in use whether they all differ; None where that is to be found out.
        """
        ahead = part.times_ms > at_ms + MAX_FUTURE_MS
        is_gone = False
        if are_distinct is None:
            rows = part.rows.tolist()
            is_gone = NO_ROW in rows
            are_distinct = len(set(rows)) == len(rows)
        if is_gone or np.count_nonzero(ahead):
            part = part.only(self._refuse(sender, part.rows, ahead))
        if are_distinct:
            return self._append(sender, at_ms, part)
        return sum(self._append(sender, at_ms, part.only(some)) for some in self._rounds(part))

    def append_one(self, at_ms: int, row: int, time_ms: int, value: float) -> bool:
        """Store one sample if nothing about it needs a second look; return whether it was stored, as `append` would."""
        table = self._rows
        if (
            row == NO_ROW
            or not table.gate_ms[row] < time_ms <= at_ms + MAX_FUTURE_MS
            or not value >= table.last_value[row]
            or not self._rings.push_one(row, time_ms, value, self._keep_after_ms(at_ms))
        ):
            return False
        table.gate_ms[row] = time_ms
        table.last_value[row] = value
        return True

    def _refuse(self, sender: Sender, rows: Rows, ahead: BoolArray) -> BoolArray:
        """Count what cannot be stored; return what can."""
        gone: BoolArray = rows == NO_ROW
        self._counters["forgotten"] += int(np.count_nonzero(gone))
        self._counters["future"] += int(np.count_nonzero(ahead & ~gone))
        for row in rows[ahead & ~gone].tolist():
            series = self._rows.at(row)
            if series is not None and self._rings.held(np.array([row]))[0] == 0:
                # It had a value by now: its first stored sample will be no new row's.
                sender.lapse(series.name)
        keep: BoolArray = ~(ahead | gone)
        return keep

    def _rounds(self, part: Part) -> list[Rows]:
        """Cut a message into parts that hold each row once, a row's samples in time order (opencensus.md 4.7).

        Of two samples at one time the first counts; of a counter the larger, which by turns would look like a counter
        that is reset all the time.
        """
        rows = part.rows
        larger_first = np.where(self._rows.is_counter.take(rows), -part.values, 0.0)
        order = np.lexsort((larger_first, part.times_ms, rows))
        _, firsts, counts = np.unique(rows[order], return_index=True, return_counts=True)
        rounds = np.arange(len(rows)) - np.repeat(firsts, counts)
        surplus = np.repeat(counts - MAX_REPEATS, counts)
        self._counters["late"] += int(np.count_nonzero(rounds < surplus))
        rounds -= np.maximum(surplus, 0)
        return [order[rounds == number] for number in range(int(rounds.max(initial=-1)) + 1)]

    def _append(self, sender: Sender, at_ms: int, part: Part) -> int:
        """Append one sample, or add one delta, to each row of `part`, all different."""
        if part.starts_ms is not None:
            return self._add_up(sender, at_ms, part, part.starts_ms)
        if np.count_nonzero(part.times_ms <= self._rows.gate_ms.take(part.rows)):
            part = part.only(self._sort_out(sender, at_ms, part))
        if sender.is_read:
            part = part.only(self._not_overtaken(part))
        return self._once(at_ms, part)

    def _not_overtaken(self, part: Part) -> BoolArray:
        """Return which values are no older ones that came later, by a clock that is off; those are counted.

        Of a sender that is read between its reports: a process that begins anew is another sender, or declares a start.
        """
        last = self._rows.last_value.take(part.rows)
        with np.errstate(invalid="ignore"):
            fell = part.values < last - ROUNDING * np.abs(last)
        fell &= self._rows.is_counter.take(part.rows)
        self._counters["late"] += int(np.count_nonzero(fell))
        return ~fell

    def _once(self, at_ms: int, part: Part) -> int:
        """Append one sample, later than the newest, to each row of `part`."""
        table = self._rows
        rows, times_ms, values, _ = part
        lower = values < table.last_value.take(rows)
        if np.count_nonzero(lower):
            lower &= table.is_counter.take(rows)
            if np.count_nonzero(lower):
                values = self._hold(rows, values, lower)
        self._push(at_ms, rows, times_ms, values)
        return len(rows)

    def _add_up(self, sender: Sender, at_ms: int, part: Part, starts_ms: Int64Array) -> int:
        """Add one delta to the total of each row of `part` and append what it is then (otlp.md 3.2)."""
        gate_ms = self._rows.gate_ms.take(part.rows)
        # Nearly always a delta begins where the one before it ended, and nothing is odd about it.
        usual = (starts_ms == gate_ms) & (part.times_ms > gate_ms) & (part.values >= 0)
        if usual.all():
            totals = self._rows.last_value.take(part.rows) + part.values
            if np.isfinite(totals).all():
                self._push(at_ms, part.rows, part.times_ms, totals)
                return len(part.rows)
        part = judge(part, starts_ms, self._counters)
        for row, start_ms in beginnings(part, self._rows, self._rings):
            self._rows.start_ms[row] = start_ms
            self._zero(at_ms, row, start_ms)
        part = part.only(not_before_total(part, self._rows, self._counters))
        part = part.only(self._sort_out(sender, at_ms, part))
        pauses, part = totals_of(part, self._rows, self._counters)
        self._push(at_ms, pauses.rows, pauses.times_ms, pauses.values)
        return self._once(at_ms, part)

    def _push(self, at_ms: int, rows: Rows, times_ms: Int64Array, values: Float64Array) -> None:
        self._write(at_ms, rows, times_ms, values)
        self._rows.gate_ms[rows] = times_ms
        marked = is_stale(values)
        if np.count_nonzero(marked):  # what was counted before a marker goes on after it
            values, rows = values[~marked], rows[~marked]
        self._rows.last_value[rows] = values

    def _write(self, at_ms: int, rows: Rows, times_ms: Int64Array, values: Float64Array) -> None:
        lost = self._rings.push(rows, times_ms, values, self._keep_after_ms(at_ms))
        if lost:
            self._counters["overwritten"] += lost

    def _keep_after_ms(self, at_ms: int) -> int:
        return at_ms - self._retention_ms if self._retention_ms else NO_TIME

    def _sort_out(self, sender: Sender, at_ms: int, part: Part) -> BoolArray:
        """Prepare rows that must be looked at first; count what is not newer than the newest and return what is.

        A delta at the time of the newest is taken for the same, whatever its value.
        """
        table, rows, times_ms = self._rows, part.rows, part.times_ms
        looked = table.gate_ms.take(rows) == LOOK_FIRST
        for i in np.flatnonzero(looked).tolist():
            self._look(sender, at_ms, int(rows[i]), int(times_ms[i]))
        gate_ms = table.gate_ms.take(rows)
        late = times_ms <= gate_ms
        same = times_ms == gate_ms
        if part.starts_ms is None:
            same &= part.values == table.last_value.take(rows)
        self._counters["duplicate"] += int(np.count_nonzero(same))
        self._counters["late"] += int(np.count_nonzero(late & ~same))
        table.gate_ms[rows[looked & late]] = LOOK_FIRST
        return ~late

    def _look(self, sender: Sender, at_ms: int, row: int, time_ms: int) -> None:
        """Prepare `row` for a sample at `time_ms`: its first, the first after an end, or the first of a new start."""
        table, one = self._rows, np.array([row])
        declared_ms = int(table.declared_start_ms[row])
        start_ms = NO_TIME if declared_ms == NO_TIME else declared_ms + sender.clock_offset_ms
        if self._rings.held(one)[0] == 0:
            table.gate_ms[row] = NO_TIME
            table.start_ms[row] = start_ms if start_ms <= time_ms else NO_TIME
            if table.is_counter[row]:
                self._begin_at_zero(sender, at_ms, row, time_ms)
        else:
            newest_ms, newest = self._rings.newest(one)
            gate_ms = int(newest_ms[0])
            if is_stale(newest)[0] and time_ms <= gate_ms:
                # The marker was premature: it makes room, unless the sample is late in any case.
                gate_ms = self._rings.move_newest_back(row, time_ms)
            table.gate_ms[row] = gate_ms
            if table.restarted[row] and gate_ms < time_ms:
                self._restart(at_ms, row, start_ms, time_ms)

    def _begin_at_zero(self, sender: Sender, at_ms: int, row: int, time_ms: int) -> None:
        """Put a 0 where the sender reported the metric without this row (keda.md 6.3.3 a, opencensus.md 4.5)."""
        series = self._rows.at(row)
        reported_ms = sender.zero_at_ms(series.name) if series else NO_TIME
        if reported_ms == NO_TIME:
            return
        # On the sender's clock: the earlier report's lag is taken to be this one's.
        zero_ms = reported_ms - (at_ms - time_ms)
        if self._rows.start_ms[row] < zero_ms < time_ms:
            self._zero(at_ms, row, zero_ms)

    def _restart(self, at_ms: int, row: int, start_ms: int, time_ms: int) -> None:
        """Make a counter's new start visible even if its value did not drop (opencensus.md 4.4, 4.5)."""
        self._rows.restarted[row] = False
        self._rows.last_value[row] = -np.inf
        if self._rows.is_counter[row] and self._rows.gate_ms[row] < start_ms < time_ms:
            self._zero(at_ms, row, start_ms)

    def _zero(self, at_ms: int, row: int, time_ms: int) -> None:
        self._push(at_ms, np.array([row]), np.array([time_ms]), np.zeros(1))
        self._counters["zeros"] += 1

    def _hold(self, rows: Rows, values: Float64Array, lower: BoolArray) -> Float64Array:
        """Return `values` with the last value where a drop is no reset (opencensus.md 4.4)."""
        last = self._rows.last_value.take(rows)
        with np.errstate(invalid="ignore"):  # a drop from infinity is a reset
            dips = lower & (values >= last - ROUNDING * np.abs(last))
        counts = self._rows.count_row.take(rows)
        sums = np.flatnonzero(lower & ~dips & (counts != NO_ROW))
        held = dips.copy()
        if len(sums):
            fell = dict(zip(rows.tolist(), (lower & ~dips).tolist(), strict=True))
            held[sums] = [not fell.get(count, True) for count in counts[sums].tolist()]
        self._counters["dips"] += int(np.count_nonzero(dips))
        self._counters["held_sums"] += int(np.count_nonzero(held)) - int(np.count_nonzero(dips))
        return np.where(held, last, values)

    def end(self, rows: Rows, ends_ms: Int64Array, now_ms: int) -> None:
        """Append a stale marker at `ends_ms` to each of `rows` that holds a sample (DESIGN 4.4)."""
        some = self._rings.held(rows) > 0
        rows, ends_ms = rows[some], ends_ms[some]
        newest_ms, newest = self._rings.newest(rows)
        fresh = ~is_stale(newest)
        rows = rows[fresh]
        times_ms = np.maximum(ends_ms[fresh], newest_ms[fresh] + 1)
        self._write(now_ms, rows, times_ms, np.repeat(STALE, len(rows)))
        self._rows.gate_ms[rows] = LOOK_FIRST
