"""Answers questions: one number for one query at one instant, and the parts it is made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from query.dialect import SimpleQuery
from query.errors import QueryError
from query.estimator import Counters, Estimate, settle_on_target
from query.evaluate.aggregations import aggregate, sigma_of_aggregate
from query.evaluate.joining import join_senders
from query.evaluate.range_functions import Vector, last_one, over_time
from query.labels import METRIC_NAME, Labels, Matcher, MatchOp
from query.queryable import NO_TIME, BoolArray, Float64Array, Queryable, Selection, is_stale
from query.values import OverTime

MOST_AHEAD_MS = 600_000
"""Samples up to this far ahead of the clock are stored (keda.md 6.3.5), and rates use them."""
DEFAULT_LOOKBACK_MS = 300_000
"""Prometheus' own (promql.md 2.4)."""
NEARBY_MS = 80_000
"""What a rate needs from before its window, four report intervals of 20 s; if that is not enough all is read."""
COUNTER_OPERATIONS = frozenset({OverTime.RATE, OverTime.INCREASE})
DAPR_PREFIX = "dapr_"
TOTAL_OF_COUNTER = "last_one of a counter is its total since the process started: did you mean operationOverTime: rate?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a trigger asks."""

    query: SimpleQuery
    over_time: OverTime
    window_ms: int
    target: float | None
    """For keda.md 6.3.8; None leaves that rule out."""
    evidence: bool = True
    """False switches keda.md 6.3.8 off."""
    strip_dapr_prefix: bool = True
    """Try an unknown `dapr_x` as `x` (keda.md 0.10)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One time series of an answer."""

    labels: Labels
    sender: str
    live: bool
    warming: bool
    """Not counted before its second sample (keda.md 6.3.3)."""
    value: float | None
    """What the operation over time yields; None if it yields nothing."""
    contribution: float
    """What of the raw value comes from this series; for min and max the value itself if it is the one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is known at one instant."""

    value: float | None
    """Before clamping and rounding; None if a known name has no match, which the scaler answers with 0."""
    raw_value: float | None
    """The value before keda.md 6.3.8."""
    sigma: float
    """Standard deviation of the raw value; 0 where the cuts add no uncertainty."""
    activity_value: float | None
    """For rates the larger of the values with the common end and with each series' own end (keda.md 0.3)."""
    window_start_ms: int
    window_end_ms: int
    """The window is (start, end]."""
    known: bool
    """Whether the metric name was ever reported (keda.md 6.3.6)."""
    name: str | None
    """The metric name that was looked up, without `dapr_` if that was dropped; None if none is given by equality."""
    refused_at_ms: int | None
    """Until when a limit keeps a series of this metric name out (`Selection.refused_at_ms`)."""
    newest_sample_ms: int | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Reading:
    """One value for each series, before aggregation."""

    selection: Selection
    values: Float64Array
    counted: BoolArray
    """bool[n]: what takes part in the aggregation."""
    warming: BoolArray
    variance: Float64Array | None
    """float64[n]: of `values`; None where the operation knows none."""
    start_ms: int
    end_ms: int


class Engine:
    """Answers questions from a store; holds no state of its own.

    `lookback_ms` is the store's retention; 0, where it keeps by count only, means five minutes for instant values.
    """

    def __init__(self, queryable: Queryable, *, lookback_ms: int) -> None:
        self._queryable = queryable
        self._lookback_ms = lookback_ms or DEFAULT_LOOKBACK_MS
        self._keeps_by_count = lookback_ms == 0

    def answer(self, question: Question, at_ms: int) -> Answer:
        """Return what is known at `at_ms`.

        Raises:
            QueryError: the query yields several elements, or an infinite value.
        """
        return self._ask(question, at_ms)[0]

    def explain(self, question: Question, at_ms: int) -> tuple[Answer, list[Part]]:
        """Return the answer and its parts, one for each series that matched; raises as `answer` does."""
        answer, parts, _ = self.dissect(question, at_ms)
        return answer, parts

    def dissect(
        self, question: Question, at_ms: int, most: int | None = None
    ) -> tuple[Answer, list[Part], int]:
        """Return the answer, its `most` largest parts, and how many series are left out; raises as `answer` does."""
        answer, reading = self._ask(question, at_ms)
        rows = _largest(reading, most)
        parts = _parts(question, reading, answer.raw_value, rows)
        return answer, parts, len(reading.values) - len(rows)

    def _ask(self, question: Question, at_ms: int) -> tuple[Answer, _Reading]:
        matchers, name = self._matchers(question)
        if question.over_time in COUNTER_OPERATIONS:
            readings = self._counters(question, matchers, at_ms)
        else:
            readings = [self._samples(question, matchers, at_ms)]
        selection = readings[0].selection
        folded = [_fold(question, reading) for reading in readings]
        settled = [_settle(question, *pair) for pair in folded]
        (raw_value, sigma), value, reading = folded[0], settled[0], readings[0]
        known = self._queryable.knows(name) if name else bool(len(selection.labels))
        answer = Answer(
            value=value,
            raw_value=raw_value,
            sigma=sigma,
            activity_value=max((v for v in settled if v is not None), default=None),
            window_start_ms=reading.start_ms,
            window_end_ms=reading.end_ms,
            known=known,
            name=name,
            refused_at_ms=_time(selection.refused_at_ms),
            newest_sample_ms=_newest_sample_ms(selection),
            warnings=_warnings(question, selection),
        )
        return answer, reading

    def _matchers(self, question: Question) -> tuple[Sequence[Matcher], str | None]:
        """Return the matchers and the metric name; an unknown `dapr_x` gives way to a known `x` (keda.md 0.10)."""
        matchers, name = question.query.selector.matchers, question.query.selector.name
        if not (name and question.strip_dapr_prefix and name.startswith(DAPR_PREFIX)):
            return matchers, name
        bare = name.removeprefix(DAPR_PREFIX)
        if self._queryable.knows(name) or not self._queryable.knows(bare):
            return matchers, name
        return [_renamed(matcher, name, bare) for matcher in matchers], bare

    def _counters(
        self, question: Question, matchers: Sequence[Matcher], at_ms: int
    ) -> list[_Reading]:
        """Read what is answered, and a second time with each series' own end if that may differ."""
        window_ms, end_ms = question.window_ms, at_ms + MOST_AHEAD_MS
        start_ms = at_ms - window_ms - NEARBY_MS
        selection = self._queryable.select(matchers, start_ms=start_ms, end_ms=end_ms)
        counters = Counters(selection, window_ms=window_ms)
        if not counters.reach_back(at_ms, read_from_ms=start_ms):
            start_ms = 0 if self._keeps_by_count else min(start_ms, at_ms - self._lookback_ms)
            selection = self._queryable.select(matchers, start_ms=start_ms, end_ms=end_ms)
            counters = Counters(selection, window_ms=window_ms)
        readings = [_growth(question, selection, counters.estimate(at_ms))]
        if np.count_nonzero(selection.senders.live) > 1:
            own_end = counters.estimate(at_ms, common_end=False)
            readings.append(_growth(question, selection, own_end))
        return readings

    def _samples(self, question: Question, matchers: Sequence[Matcher], at_ms: int) -> _Reading:
        """Read samples as PromQL does."""
        is_instant = question.over_time is OverTime.LAST_ONE
        span_ms = self._lookback_ms if is_instant else question.window_ms
        start_ms = at_ms - min(span_ms, NEARBY_MS if is_instant else span_ms)
        selection = self._queryable.select(matchers, start_ms=start_ms, end_ms=at_ms)
        if is_instant:
            selection = without_early_ends(selection)
        if start_ms > at_ms - span_ms and not (len(selection.counts) and selection.counts.all()):
            # A live series may have an older sample; an ended one is stale.
            start_ms = at_ms - span_ms
            selection = self._queryable.select(matchers, start_ms=start_ms, end_ms=at_ms)
            selection = without_early_ends(selection) if is_instant else selection
        selection = join_senders(selection)
        if is_instant:
            vector = last_one(selection, at_ms=at_ms, lookback_ms=span_ms)
        else:
            vector = over_time(question.over_time, selection, at_ms=at_ms, window_ms=span_ms)
        return _read_vector(selection, vector, start_ms=at_ms - span_ms, end_ms=at_ms)


def without_early_ends(selection: Selection) -> Selection:
    """Return a selection whose live senders' series end only where these have said so.

    A scrape that failed marks all series of its target as stale, and nobody knows whether the target is gone before its
    sender has ended: a value that is not known is no 0 (DESIGN 1.2). Rates ignore such markers too.
    """
    rows = np.flatnonzero(selection.counts)
    last = selection.counts[rows] - 1
    times_ms, index = selection.times_ms[rows, last], selection.sender_index[rows]
    early = is_stale(selection.values[rows, last]) & selection.senders.live[index]
    early &= times_ms > selection.senders.known_until_ms[index]
    if not early.any():
        return selection
    counts = selection.counts.copy()
    counts[rows[early]] -= 1
    return replace(selection, counts=counts)


def _read_vector(selection: Selection, vector: Vector, *, start_ms: int, end_ms: int) -> _Reading:
    return _Reading(
        selection=selection,
        values=vector.values,
        counted=vector.present,
        warming=np.zeros(len(vector.values), dtype=np.bool_),
        variance=None,
        start_ms=start_ms,
        end_ms=end_ms,
    )


def _growth(question: Question, selection: Selection, estimate: Estimate) -> _Reading:
    """Read rates or increases: sum takes live and ended series, the other aggregations live ones (keda.md 6.3.9)."""
    scale = 1000.0 / question.window_ms if question.over_time is OverTime.RATE else 1.0
    counted = ~estimate.warming
    if question.query.aggregation != "sum":
        counted &= estimate.live
    return _Reading(
        selection=selection,
        values=estimate.increase * scale,
        counted=counted,
        warming=estimate.warming,
        variance=estimate.variance * scale**2,
        start_ms=estimate.start_ms,
        end_ms=estimate.end_ms,
    )


def _fold(question: Question, reading: _Reading) -> tuple[float | None, float]:
    """Return the aggregated value and its standard deviation; NaN is as no match (keda.md 6.3.6)."""
    query, counted = question.query, reading.counted
    values = reading.values if counted.all() else reading.values[counted]
    labels: Sequence[Labels] = ()
    if query.grouping or query.without:
        labels = [reading.selection.labels[row] for row in np.flatnonzero(counted).tolist()]
    elements = aggregate(
        query.aggregation, labels, values, grouping=query.grouping, without=query.without
    )
    if len(elements) > 1:
        raise QueryError(
            f"query yields {len(elements)} elements where one number is expected: "
            f"{_element(*elements)}; drop the grouping or select one group with a matcher"
        )
    value = next(iter(elements.values()), math.nan)
    if math.isinf(value):
        raise QueryError(f"query yields {value:+}, which is no number to scale by")
    if math.isnan(value):
        return None, 0.0
    if reading.variance is None:
        return value, 0.0
    return value, sigma_of_aggregate(query.aggregation, values, reading.variance[counted])


def _element(*elements: Labels) -> str:
    """Return the first elements as text."""
    shown = ["{" + ", ".join(f'{n}="{v}"' for n, v in labels) + "}" for labels in elements[:3]]
    return ", ".join([*shown, "..."] if len(elements) > len(shown) else shown)


def _settle(question: Question, value: float | None, sigma: float) -> float | None:
    """Apply keda.md 6.3.8 where it holds; the number of series is exact."""
    if (
        value is None
        or question.target is None
        or not question.evidence
        or question.over_time not in COUNTER_OPERATIONS
        or question.query.aggregation == "count"
    ):
        return value
    is_rate = question.over_time is OverTime.RATE
    return settle_on_target(value, sigma, question.target, question.window_ms, is_rate)


def _renamed(matcher: Matcher, name: str, bare: str) -> Matcher:
    """Return the matcher; if it asks for the metric name `name`, then for `bare`."""
    if (matcher.name, matcher.op, matcher.value) != (METRIC_NAME, MatchOp.EQUAL, name):
        return matcher
    return replace(matcher, value=bare, accepts=bare.__eq__)


def _time(at_ms: int) -> int | None:
    return None if at_ms == NO_TIME else at_ms


def _newest_sample_ms(selection: Selection) -> int | None:
    """Return the time of the newest sample that is no stale marker at its row's end."""
    rows = np.flatnonzero(selection.counts)
    if not rows.size:
        return None
    last = selection.counts[rows] - 1
    last -= (last > 0) & is_stale(selection.values[rows, last])
    return int(selection.times_ms[rows, last].max())


def _warnings(question: Question, selection: Selection) -> tuple[str, ...]:
    """Return what the asker should know although there is an answer (keda.md 6.3.7)."""
    senders = selection.senders
    interval_ms = int(senders.report_interval_ms[senders.live].max(initial=0))
    if question.over_time is OverTime.LAST_ONE:
        is_total = selection.has_counters and question.query.aggregation != "count"
        return (TOTAL_OF_COUNTER,) if is_total else ()
    if question.window_ms >= 2 * interval_ms:
        return ()
    message = (
        f"window of {question.window_ms / 1000:g} s is shorter than two report intervals "
        f"of {interval_ms / 1000:g} s: expect values that jump from report to report"
    )
    return (message,)


def _largest(reading: _Reading, most: int | None) -> Sequence[int]:
    """Return the rows of the `most` largest values, the largest first; without `most` all rows as they stand."""
    if most is None:
        return range(len(reading.values))
    counted = np.where(reading.counted, reading.values, -np.inf)
    rows: list[int] = np.argsort(-counted, kind="stable")[:most].tolist()
    return rows


def _parts(
    question: Question, reading: _Reading, total: float | None, rows: Sequence[int]
) -> list[Part]:
    """Return the parts that the series of some rows have of the answer."""
    senders, number = reading.selection.senders, int(reading.counted.sum())
    parts = []
    for row in rows:
        sender, counted = int(reading.selection.sender_index[row]), bool(reading.counted[row])
        value = float(reading.values[row]) if counted else None
        part = Part(
            labels=reading.selection.labels[row],
            sender=senders.names[sender],
            live=bool(senders.live[sender]),
            warming=bool(reading.warming[row]),
            value=value,
            contribution=_contribution(question.query.aggregation, value, number, total),
        )
        parts.append(part)
    return parts


def _contribution(aggregation: str, value: float | None, number: int, total: float | None) -> float:
    """Return what one of `number` values is to the aggregate `total`."""
    if value is None:
        return 0.0
    match aggregation:
        case "sum":
            return value
        case "avg":
            return value / number
        case "count":
            return 1.0
        case _:
            return value if value == total else 0.0
