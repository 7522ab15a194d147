"""The index: which rows carry which labels."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query.labels import Labels, Matcher
from query.store.index import MAX_CACHED_QUESTIONS, Index
from tests.query.store.support import differs, equal, labels, matches, unequal

ROWS: list[Labels] = [
    labels("a", k="1"),
    labels("a", k="2"),
    labels("b", k="1", l="x"),
    labels("b"),
]


def filled() -> Index:
    index = Index()
    for row, one in enumerate(ROWS):
        index.add(row, one)
    return index


@pytest.mark.parametrize(
    ("matchers", "rows"),
    [
        ([], [0, 1, 2, 3]),
        ([equal("__name__", "a")], [0, 1]),
        ([equal("__name__", "a"), equal("k", "1")], [0]),
        ([equal("k", "1")], [0, 2]),
        ([equal("k", "")], [3]),
        ([equal("none", "")], [0, 1, 2, 3]),
        ([equal("none", "x")], []),
        ([unequal("k", "1")], [1, 3]),
        ([unequal("k", "")], [0, 1, 2]),
        ([unequal("none", "x")], [0, 1, 2, 3]),
        ([matches("k", "1|2")], [0, 1, 2]),
        ([matches("k", "1|")], [0, 2, 3]),
        ([matches("k", ".*"), equal("l", "x")], [2]),
        ([differs("k", "1|")], [1]),
        ([differs("k", "1")], [1, 3]),
        ([unequal("__name__", "a"), differs("l", "x")], [3]),
    ],
    ids=lambda one: (
        ",".join(f"{m.name}{m.op}{m.value}" for m in one)
        if one and not isinstance(one[0], int)
        else None
    ),
)
def test_match(matchers: list[Matcher], rows: list[int]) -> None:
    """Matchers are conjoined; a missing label counts as the empty string (promql.md 2.3)."""
    assert filled().match(matchers).tolist() == rows


def test_removed_rows_are_not_found_and_leave_nothing() -> None:
    """An index that lost all its rows matches nothing, and its rows can be used again."""
    index = filled()
    index.remove([(1, ROWS[1]), (2, ROWS[2])])
    some = [index.match([]).tolist(), index.match([equal("k", "1")]).tolist()]
    index.remove([(0, ROWS[0]), (3, ROWS[3])])
    index.remove([])
    index.add(1, labels("c", k="1"))
    assert (some, index.match([]).tolist(), index.match([equal("k", "1")]).tolist()) == (
        [[0, 3], [0]],
        [1],
        [1],
    )


def test_a_regular_expression_judges_each_distinct_value_once() -> None:
    """Thousands of rows with three values cost three calls, and a repeated question none."""
    asked: list[str] = []
    plain = matches("k", "0|1")

    def accepts(value: str) -> bool:
        asked.append(value)
        return plain.accepts(value)

    index = Index()
    for row in range(3_000):
        index.add(row, labels("m", k=str(row % 3)))
    for _ in range(2):
        index.match([Matcher("k", plain.op, plain.value, accepts)])
    assert sorted(value for value in asked if value) == ["0", "1", "2"]


def test_remembered_questions_are_bounded() -> None:
    """The question asked longest ago is dropped."""
    index = filled()
    first = index.match([equal("k", "1")])
    for i in range(MAX_CACHED_QUESTIONS):
        index.match([equal("k", f"other {i}")])
    again = index.match([equal("k", "1")])
    assert (again.tolist(), again is first, index.match([equal("k", "1")]) is again) == (
        [0, 2],
        False,
        True,
    )


label_sets = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from("xyz") for name in ("k", "l")}
)
any_matcher = st.builds(
    lambda build, name, value: build(name, value),
    st.sampled_from([equal, unequal, matches, differs]),
    st.sampled_from(["k", "l", "n"]),
    st.sampled_from(["", "x", "y", "z", "x|y", ".*", ".+"]),
)


@settings(max_examples=150, deadline=None)
@given(
    sets=st.lists(label_sets, max_size=12),
    gone=st.sets(st.integers(0, 11)),
    matchers=st.lists(any_matcher, max_size=3),
)
def test_the_index_is_a_scan(
    sets: list[dict[str, str]], gone: set[int], matchers: list[Matcher]
) -> None:
    """Whatever is added, removed and asked: the rows are those whose labels each matcher accepts."""
    index = Index()
    rows = [labels("m", **one) for one in sets]
    for row, one in enumerate(rows):
        index.add(row, one)
    index.match(matchers)
    index.remove([(row, rows[row]) for row in sorted(gone) if row < len(rows)])
    assert index.match(matchers).tolist() == [
        row
        for row, one in enumerate(rows)
        if row not in gone and all(m.accepts(dict(one).get(m.name, "")) for m in matchers)
    ]


@pytest.mark.parametrize(("effort", "pauses"), [(1, 0), (64, 24), (10_000, 49)])
def test_effort(effort: int, pauses: int) -> None:
    """The harder a matcher judges a value, the more often a search pauses."""
    index = Index()
    for row in range(50):
        index.add(row, labels("a", k=str(row)))
    matcher = replace(matches("k", ".*[0-9]"), effort=effort)
    work = index.matching((matcher,))
    assert len([*work]) == pauses
    assert len(index.match((matcher,))) == 50
