"""What the engine and the estimator read from: the store, seen from the side of a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from query.labels import Labels, Matcher
from query.slices import Sliced

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

NO_TIME = int(np.iinfo(np.int64).min)
"""Stands where a time is not known."""

STALE_BITS = 0x7FF0000000000002
"""Prometheus' stale marker, which ends a series (promql.md 2.4), as the bits of a float64; arithmetic loses them."""


def is_stale(values: Float64Array) -> BoolArray:
    """Return which of `values` are stale markers, by their bits."""
    return np.asarray(values.view(np.uint64) == STALE_BITS)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Senders:
    """The k senders of a selection; arrays are copies."""

    names: list[str]
    live: BoolArray
    """bool[k]: reporting still (spec/keda.md 6.3.5)."""
    known_until_ms: Int64Array
    """int64[k]: the last report's time on the sender's own (corrected) clock; its arrival if it held no samples."""
    report_interval_ms: Int64Array
    """int64[k]: median of the last five gaps between reports, or the protocol's default; less where values are read in between."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Selection:
    """The n time series that matched; row i of each array is one series of one sender. Everything is a copy."""

    labels: Sequence[Labels]
    """n label sets; equal ones of different senders occur (the engine joins them, the estimator does not)."""
    times_ms: Int64Array
    """int64[n, m]: ascending in the first `counts[i]` columns of row i, undefined behind them."""
    values: Float64Array
    """float64[n, m]: stale markers included, by their bit pattern."""
    counts: Int64Array
    """int64[n]: samples of each row."""
    start_ms: Int64Array
    """int64[n]: start time of the first sample of the series' life, NO_TIME where unknown."""
    sender_index: Int64Array
    """int64[n]: into `senders`."""
    senders: Senders
    refused_at_ms: int
    """Until when a limit keeps a series of one of these metric names out: its sender, last refused, is live until then if
    nothing more is heard. NO_TIME if none was refused."""
    has_counters: bool = False
    """Whether a series among those that matched is a counter, which only grows while its sender runs."""
    has_exponential: bool = False
    """Whether a series among those that matched is a bucket of an exponential histogram."""


class Queryable(Protocol):
    """Where series are read from."""

    def select(
        self,
        matchers: Sequence[Matcher],
        *,
        start_ms: int,
        end_ms: int,
        newest_only: bool = False,
    ) -> Selection:
        """Return the series that match, with their samples in (start_ms, end_ms].

        A series without a sample in that range is in the selection only if its sender is live. With `newest_only` the
        asker needs each series' newest sample in the range, and the others may be missing; not where series of
        different senders have equal labels, because joining them takes all.
        """

    def selecting(
        self,
        matchers: Sequence[Matcher],
        *,
        start_ms: int,
        end_ms: int,
        newest_only: bool = False,
    ) -> Sliced[Selection]:
        """Return what `select` does, bit by bit; what is asked from may be written to in the pauses.

        Each series is seen whole, as it was at one moment between the beginning and the end, or without samples. One
        that comes or goes in the meantime may be missing.
        """

    def knows(self, name: str) -> bool:
        """Return whether a metric of this name was ever reported, with or without points (spec/keda.md 6.3.6)."""
