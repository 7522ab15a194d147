"""The store: what senders report is what selectors find."""

from __future__ import annotations

import pytest

from query.queryable import NO_TIME
from tests.query.store.support import T0, Driver, equal, labels


def test_select_returns_what_was_appended() -> None:
    """One series, its samples in (start, end], its start time and its sender."""
    driver = Driver()
    driver.open("a")
    for at in (0, 20_000, 40_000):
        driver.report("a", at, (labels("m", k="v"), at - 2_000, float(at)), start=-60_000)
    got = driver.select(equal("__name__", "m"), start=-2_000, end=38_000)
    assert (
        list(got.labels),
        got.times_ms.tolist(),
        got.values.tolist(),
        got.counts.tolist(),
        got.start_ms.tolist(),
        got.sender_index.tolist(),
        got.senders.names,
        got.senders.live.tolist(),
        got.senders.known_until_ms.tolist(),
        got.senders.report_interval_ms.tolist(),
        got.refused_at_ms,
    ) == (
        [labels("m", k="v")],
        [[T0 + 18_000, T0 + 38_000]],
        [[20_000.0, 40_000.0]],
        [2],
        [T0 - 60_000],
        [0],
        ["a"],
        [True],
        [T0 + 38_000],
        [20_000],
        NO_TIME,
    )


@pytest.mark.parametrize("metric", ["nothing", ""])
def test_nothing_matches_an_unknown_name(metric: str) -> None:
    """An empty selection has arrays of no rows."""
    driver = Driver()
    driver.open("a")
    driver.report("a", 0, (labels("m"), 0, 1.0))
    got = driver.select(equal("__name__", metric))
    assert (list(got.labels), got.times_ms.shape, got.senders.names) == ([], (0, 0), [])
