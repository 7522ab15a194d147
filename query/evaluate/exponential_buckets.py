"""Quantile and fraction of exponential histograms that are stored as buckets (otlp.md 3.3).

Inside of a bucket values are taken to lie evenly on a logarithmic scale; inside of the one around zero, on a plain one.
"""

from __future__ import annotations

import numpy as np

from query.evaluate.buckets import Block, counts_at, is_complete
from query.evaluate.grouping import IndexArray
from query.queryable import BoolArray, Float64Array


def exponential_quantile(block: Block, quantiles: Float64Array) -> Float64Array:
    """Return [h, s]: the quantile, as Prometheus computes it from a native histogram.

    From 0.5 on buckets are looked through from the top, so that a rank between two buckets belongs to the upper one.
    """
    last = np.broadcast_to(block.last[:, np.newaxis], (len(block.last), len(quantiles)))
    observations = counts_at(block.counts, last)
    rank = quantiles * observations
    filled = _filled(block)
    inside = block.counts - _below(block)
    up = filled & (block.counts >= rank[:, np.newaxis, :])
    down = filled & (block.counts - inside <= rank[:, np.newaxis, :])
    from_top = block.counts.shape[1] - 1 - down[:, ::-1].argmax(axis=1)
    place = np.where(quantiles < 0.5, up.argmax(axis=1), from_top)
    start, end = _edges(block, place)
    share = (rank - counts_at(_below(block), place)) / counts_at(inside, place)
    found = _between(start, end, share)
    known = is_complete(block)[:, np.newaxis] & (observations != 0)
    found = np.where(known & ~np.isnan(quantiles), found, np.nan)
    found = np.where(quantiles < 0, -np.inf, found)
    return np.where(quantiles > 1, np.inf, found)


def exponential_rank(
    block: Block, limits: Float64Array, observations: Float64Array
) -> Float64Array:
    """Return [h, s]: how many observations are below a limit."""
    passed = (block.bounds[:, :, np.newaxis] <= limits).sum(axis=1)
    place = np.minimum(passed, block.last[:, np.newaxis])
    start, end = _edges(block, place)
    below = counts_at(_below(block), place)
    inside = counts_at(block.counts, place) - below
    rank = np.where(inside > 0, below + inside * _share(start, end, limits), below)
    rank = np.where(passed > block.last[:, np.newaxis], observations, rank)
    return np.where(rank > observations, observations, rank)


def _below(block: Block) -> Float64Array:
    """Return [h, w, s]: what is counted below each bucket."""
    below = np.zeros_like(block.counts)
    below[:, 1:] = block.counts[:, :-1]
    return below


def _filled(block: Block) -> BoolArray:
    """Return [h, w, s]: which buckets hold anything."""
    filled: BoolArray = block.counts > _below(block)
    filled &= (np.arange(filled.shape[1]) <= block.last[:, np.newaxis])[:, :, np.newaxis]
    return filled


def _edges(block: Block, place: IndexArray) -> tuple[Float64Array, Float64Array]:
    """Return [h, s] twice: where a bucket begins and ends.

    The bucket around zero ends at zero on the side where nothing else was counted. What lies above the last bound counts
    as being there.
    """
    end = np.take_along_axis(block.bounds, place, axis=1)
    start = np.take_along_axis(block.bounds, np.maximum(place - 1, 0), axis=1)
    start = np.where(place > 0, start, np.minimum(end, 0.0))
    filled = _filled(block)
    has_negative = (filled & (block.bounds < 0)[:, :, np.newaxis]).any(axis=1)
    starts = np.concatenate(
        [np.full((len(block.bounds), 1), -np.inf), block.bounds[:, :-1]], axis=1
    )
    has_positive = (filled & (starts >= 0)[:, :, np.newaxis]).any(axis=1)
    around_zero = (start < 0) & (end >= 0) & np.isfinite(end)
    start = np.where(around_zero & ((end == 0) | (has_positive & ~has_negative)), 0.0, start)
    end = np.where(around_zero & has_negative & ~has_positive, 0.0, end)
    return start, np.where(np.isinf(end), start, end)


def _between(start: Float64Array, end: Float64Array, share: Float64Array) -> Float64Array:
    """Return the value at a share of a bucket."""
    plain = (start <= 0) & (end >= 0)
    on_scale = start * (end / np.where(plain, 1.0, start)) ** share
    return np.where(plain, start + (end - start) * share, on_scale)


def _share(start: Float64Array, end: Float64Array, values: Float64Array) -> Float64Array:
    """Return the share of a bucket that lies below a value."""
    plain = (start <= 0) & (end >= 0)
    on_scale = np.log(values / np.where(plain, 1.0, start)) / np.log(
        end / np.where(plain, 1.0, start)
    )
    share = np.where(plain, (values - start) / (end - start), on_scale)
    share = np.where(values >= end, 1.0, np.where(values <= start, 0.0, share))
    return np.clip(share, 0.0, 1.0)
