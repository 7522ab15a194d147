from __future__ import annotations

import pytest

from query.evaluate.joining import join_senders
from query.labels import Labels
from query.queryable import Selection, is_stale
from tests.support.selections import Row, build_selection

A: Labels = (("__name__", "m"), ("pod", "a"))
B: Labels = (("__name__", "m"), ("pod", "b"))


def shown(selection: Selection) -> list[tuple[Labels, str, list[tuple[float, float | None]]]]:
    rows = []
    for i, labels in enumerate(selection.labels):
        count = selection.counts[i]
        times, values = selection.times_ms[i, :count], selection.values[i, :count]
        numbers = [
            None if s else v
            for v, s in zip(values.tolist(), is_stale(values).tolist(), strict=True)
        ]
        sender = selection.senders.names[selection.sender_index[i]]
        rows.append((labels, sender, list(zip((times / 1000).tolist(), numbers, strict=True))))
    return rows


def test_nothing_to_join() -> None:
    """A selection of different label sets is returned as it is."""
    selection = build_selection([Row(samples=[(1, 1)], labels=A), Row(samples=[], labels=B)])
    assert join_senders(selection) is selection


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param([(1, 5), (2, 6)], [(3, 1)], [(1, 5), (2, 6), (3, 1)], id="restart"),
        pytest.param([(1, 5), (2, None)], [(9, 1)], [(1, 5), (2, None), (9, 1)], id="gap"),
        pytest.param(
            [(1, 5), (4, None)], [(3, 1), (5, 2)], [(1, 5), (3, 1), (5, 2)], id="late-end"
        ),
        pytest.param([(1, 5)], [], [(1, 5)], id="no-sample-yet"),
        pytest.param([], [], [], id="no-sample-at-all"),
        pytest.param([(1, 5)], [(2, None)], [(1, 5), (2, None)], id="new-one-ended"),
    ],
)
def test_join(
    old: list[tuple[float, float | None]],
    new: list[tuple[float, float | None]],
    expected: list[tuple[float, float | None]],
) -> None:
    """A sender that follows another under equal labels continues its series; only its own end ends the series."""
    selection = build_selection(
        [
            Row(samples=new, labels=A, sender="new"),
            Row(samples=[(1, 8)], labels=B, sender="other"),
            Row(samples=old, labels=A, sender="old"),
        ]
    )
    sender = "new" if new else "old"
    assert shown(join_senders(selection)) == [(A, sender, expected), (B, "other", [(1, 8)])]
