"""Sums of exponential histograms, and the running totals made of them."""

from __future__ import annotations

import pytest

from daemon.exporters.totals import DeltaTotals
from receivers.model import DataPoint
from tests.support.consumers import Counts
from tests.support.payload_text import write_point
from tests.support.payloads import payload

CASES = {
    "same scale": ("e(0;1;0;0:1,2;;5)", "e(0;1;0;1:1;3:1;1)", "e(0;2;0.0;0:1,3;3:1;6.0)"),
    "other scale": ("e(1;0;0;0:1,2,3,4;;5)", "e(0;0;0;0:1;;1)", "e(0;0;0.0;0:4,7;;6.0)"),
    "zero threshold": ("e(0;1;0;-2:5;;5)", "e(0;1;0.5;0:1;;1)", "e(0;7;0.5;0:1;;6.0)"),
}


def points(*texts: str) -> list[DataPoint]:
    return [
        payload(f"dexp m [{text}@{10 * n}^{10 * (n - 1)}]")[0]
        .scope_metrics[0]
        .metrics[0]
        .data_points[0]
        for n, text in enumerate(texts, 1)
    ]


@pytest.mark.parametrize(("first", "then", "expected"), CASES.values(), ids=CASES)
def test_sum(first: str, then: str, expected: str) -> None:
    """Two histograms are brought to the smaller scale and the larger zero threshold, and added."""
    totals = DeltaTotals(10, Counts())
    one, two = points(first, then)
    totals.total("k", one)
    total = totals.total("k", two)
    assert total is not None
    assert write_point(total) == f"{expected}@20^0"


def test_far_apart() -> None:
    """A total has at most 160 buckets a side: the scale is lowered until it has."""
    totals = DeltaTotals(10, Counts())
    one, two = points("e(4;0;0;0:1;;5)", "e(4;0;0;400:1;;1)")
    totals.total("k", one)
    total = totals.total("k", two)
    assert total is not None
    text = write_point(total)
    assert text.startswith("e(2;0;0.0;0:1,0,")
    assert text.endswith(",1;;6.0)@20^0")
    assert text.count(",") == 100
