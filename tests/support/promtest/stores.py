"""A real store filled with given samples, as remote write would fill it."""

from __future__ import annotations

from collections.abc import Mapping

from query.labels import METRIC_NAME, Labels
from query.store.store import Store, StoreSettings
from tests.support.promtest.subject import Samples

SENDER = "prometheusremotewrite:127.0.0.1"
_AT_ONCE = 200
"""Samples of one series in one message; the store takes 256."""


def store_with(series: Mapping[Labels, Samples]) -> Store:
    """Return a store that holds these series; times within a series ascend."""
    store = Store(
        StoreSettings(retention_ms=0, max_series=1_000_000, max_known_names=1_000_000),
        lambda _event, _fields: None,
    )
    longest = max(map(len, series.values()), default=0)
    for first in range(0, longest, _AT_ONCE):
        _append(store, {k: s[first : first + _AT_ONCE] for k, s in series.items()})
    return store


def _append(store: Store, series: Mapping[Labels, Samples]) -> None:
    """Send one message, at the time of its newest sample: nothing is late or ahead."""
    at_ms = max((samples[-1][0] for samples in series.values() if samples), default=0)
    store.sender_reported(SENDER, at_ms)
    store.metrics_reported(SENDER, {dict(labels).get(METRIC_NAME, "") for labels in series}, at_ms)
    rows, times_ms, values = [], [], []
    for labels, samples in series.items():
        row = store.series(SENDER, labels, start_ms=0, is_counter=False, at_ms=at_ms)
        if row is None:
            raise AssertionError(f"the store refused {labels}")
        for time_ms, value in samples:
            rows.append(row)
            times_ms.append(time_ms)
            values.append(value)
    store.append(SENDER, at_ms, rows, times_ms, values)
