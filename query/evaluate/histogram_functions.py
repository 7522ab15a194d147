"""The functions histogram_quantile and histogram_fraction over histograms stored as buckets (promql.md 2.10)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from query.evaluate.arguments import scalar_argument, vector_argument
from query.evaluate.buckets import (
    BUCKET_LABEL,
    Block,
    Layout,
    counts_at,
    find_layout,
    is_complete,
    make_blocks,
)
from query.evaluate.context import Argument, Context, InstantFunction
from query.evaluate.exponential_buckets import exponential_quantile, exponential_rank
from query.evaluate.group_ranks import warn_of_quantiles
from query.evaluate.stepped import StepVector
from query.labels import METRIC_NAME, Labels
from query.printer import quote
from query.queryable import BoolArray, Float64Array
from query.syntax import Call

TOLERANCE = 1e-12
"""Relative difference between neighbouring counts that is rounding, not data."""
SMALLEST_NORMAL = float(np.finfo(np.float64).tiny)
NOT_MONOTONIC = (
    "input to histogram_quantile needed to be fixed for monotonicity "
    "(see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
)


def _histogram_quantile(context: Context, call: Call, arguments: Sequence[Argument]) -> StepVector:
    quantiles = scalar_argument(arguments, 0).values
    vector = vector_argument(arguments, 1)
    quantile = exponential_quantile if _is_exponential(context, call) else _quantile
    warn_of_quantiles(context.annotations, quantiles, call.args[0].span)

    def calculate(block: Block, layout: Layout, steps: slice) -> Float64Array:
        wanted = quantiles[steps]
        forced = _make_monotonic(block.counts)
        forced &= (wanted >= 0) & (wanted <= 1) & is_complete(block)[:, np.newaxis]
        for number in block.histograms[forced.any(axis=1)].tolist():
            message = NOT_MONOTONIC + _of_metric(context, layout.labels[number])
            context.annotations.inform(message, call.args[1].span)
        return quantile(block, wanted)

    return _of_histograms(context, call, vector, calculate)


def _histogram_fraction(context: Context, call: Call, arguments: Sequence[Argument]) -> StepVector:
    lower, upper = (scalar_argument(arguments, place).values for place in (0, 1))

    rank = exponential_rank if _is_exponential(context, call) else _rank

    def calculate(block: Block, _: Layout, steps: slice) -> Float64Array:
        return _fraction(block, lower[steps], upper[steps], rank)

    return _of_histograms(context, call, vector_argument(arguments, 2), calculate)


def _of_histograms(
    context: Context,
    call: Call,
    vector: StepVector,
    calculate: Callable[[Block, Layout, slice], Float64Array],
) -> StepVector:
    """Return one element for each histogram that has buckets at a step; series that are no buckets are left out."""
    layout = find_layout(context.labels, vector.labels)
    for row in layout.malformed:
        if vector.present[row].any():
            labels = vector.labels[row]
            text = quote(dict(labels).get(BUCKET_LABEL, ""))
            message = f'bucket label "le" is missing or has a malformed value of {text}'
            message += _of_metric(context, labels)
            context.annotations.warn(message, call.args[-1].span)
    shape = (len(layout.labels), vector.values.shape[1])
    values, present = np.zeros(shape), np.zeros(shape, dtype=np.bool_)
    with np.errstate(all="ignore"):
        for steps, block in make_blocks(layout, vector.values, vector.present):
            context.budget.check()
            values[block.histograms, steps] = calculate(block, layout, steps)
            present[block.histograms, steps] = True
    return context.without_name(StepVector(labels=layout.labels, values=values, present=present))


def _is_exponential(context: Context, call: Call) -> bool:
    """Return whether the buckets that a call is about are those of exponential histograms."""
    return any(
        call.span.start <= one.start and one.end <= call.span.end for one in context.exponential
    )


def _of_metric(context: Context, labels: Labels) -> str:
    """Return which metric a message is about, if names are still there."""
    name = dict(labels).get(METRIC_NAME, "") if context.delayed_names else ""
    return f" for metric name {quote(name)}" if name else ""


def _make_monotonic(counts: Float64Array) -> BoolArray:
    """Raise counts, [h, w, s], to the largest one before them; return [h, s]: where that was more than rounding."""
    forced = np.zeros((counts.shape[0], counts.shape[2]), dtype=np.bool_)
    for place in range(1, counts.shape[1]):
        before, count = counts[:, place - 1], counts[:, place]
        same = _almost_equal(before, count)
        fallen = ~same & (count < before)
        forced |= fallen
        np.copyto(count, before, where=same | fallen)
    return forced


def _almost_equal(left: Float64Array, right: Float64Array) -> BoolArray:
    difference, total = np.abs(left - right), np.abs(left) + np.abs(right)
    tiny = (left == 0) | (right == 0) | (total < SMALLEST_NORMAL)
    allowed = TOLERANCE * np.where(tiny, SMALLEST_NORMAL, total)
    equal: BoolArray = (left == right) | (difference < allowed)
    equal &= np.isfinite(total)
    return equal


def _quantile(block: Block, quantiles: Float64Array) -> Float64Array:
    """Return [h, s]: the quantile, interpolated inside of the bucket that it falls into."""
    last = np.broadcast_to(block.last[:, np.newaxis], (len(block.last), len(quantiles)))
    observations = counts_at(block.counts, last)
    rank = quantiles * observations
    reaches = block.counts >= rank[:, np.newaxis, :]
    reaches &= (np.arange(reaches.shape[1]) < block.last[:, np.newaxis])[:, :, np.newaxis]
    place = np.where(reaches.any(axis=1), reaches.argmax(axis=1), last)
    before = np.maximum(place - 1, 0)
    end = np.take_along_axis(block.bounds, place, axis=1)
    start = np.where(place > 0, np.take_along_axis(block.bounds, before, axis=1), 0.0)
    below = np.where(place > 0, counts_at(block.counts, before), 0.0)
    inside = (rank - below) / (counts_at(block.counts, place) - below)
    found = start + (end - start) * inside
    found = np.where((place == 0) & (end <= 0), end, found)
    found = np.where(place == last, start, found)
    known = is_complete(block)[:, np.newaxis] & (last > 0) & (observations != 0)
    found = np.where(known & ~np.isnan(quantiles), found, np.nan)
    found = np.where(quantiles < 0, -np.inf, found)
    return np.where(quantiles > 1, np.inf, found)


def _fraction(
    block: Block,
    lower: Float64Array,
    upper: Float64Array,
    rank: Callable[[Block, Float64Array, Float64Array], Float64Array],
) -> Float64Array:
    """Return [h, s]: the share of observations between two bounds."""
    last = np.broadcast_to(block.last[:, np.newaxis], (len(block.last), len(lower)))
    observations = counts_at(block.counts, last)
    share = (rank(block, upper, observations) - rank(block, lower, observations)) / observations
    share = np.where(lower >= upper, 0.0, share)
    known = is_complete(block)[:, np.newaxis] & (observations != 0)
    return np.where(known & ~np.isnan(lower) & ~np.isnan(upper), share, np.nan)


def _rank(block: Block, limits: Float64Array, observations: Float64Array) -> Float64Array:
    """Return [h, s]: how many observations are below a limit."""
    passed = (block.bounds[:, :, np.newaxis] <= limits).sum(axis=1)
    place = np.minimum(passed, block.last[:, np.newaxis])
    before = np.maximum(place - 1, 0)
    end = np.take_along_axis(block.bounds, place, axis=1)
    lowest = np.where(block.bounds[:, :1] > 0, 0.0, -np.inf)
    start = np.where(place > 0, np.take_along_axis(block.bounds, before, axis=1), lowest)
    below = np.where(place > 0, counts_at(block.counts, before), 0.0)
    count = counts_at(block.counts, place)
    rank = below + (count - below) * (limits - start) / (end - start)
    rank = np.where(np.isinf(start), count, rank)
    rank = np.where(start >= limits, below, rank)
    rank = np.where(passed > block.last[:, np.newaxis], observations, rank)
    return np.where(rank > observations, observations, rank)


HISTOGRAM_FUNCTIONS: dict[str, InstantFunction] = {
    "histogram_fraction": _histogram_fraction,
    "histogram_quantile": _histogram_quantile,
}
