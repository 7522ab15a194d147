from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query.errors import TooManySamplesError
from query.evaluate.matching_errors import MatchingError
from query.evaluate.stepped import StepVector
from query.labels import METRIC_NAME, Labels
from tests.query.evaluate.steps import Values, ask, close, expect

DATA = """
    v{g="x",i="1"} 1
    v{g="x",i="2"} 2
    v{g="x",i="3"} 6
    v{g="y",i="1"} 6
    v{g="y",i="2"} NaN
    w{i="1"} 10
    w{i="2"} 20
    w{i="4"} 40
    t{i="1",tier="gold"} 3
    u{g="x",i="1"} -7
"""


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("1 + 2 * 3 ^ 2 ^ 0.5", 10.45760877567483),
        ("7 % 3 - -7 % 3", 2),
        ("-7 % 3", -1),
        ("0 ^ 0", 1),
        ("1 / 0", math.inf),
        ("-1 / 0", -math.inf),
        ("0 / 0", math.nan),
        ("5 % 0", math.nan),
        ("1 atan2 0", 1.5707963267948966),
        ("(-8) ^ (1/3)", math.nan),
        ("NaN == bool NaN", 0),
        ("NaN != bool NaN", 1),
        ("1 > bool 2", 0),
        ("2 >= bool 2", 1),
        ("2 <= bool 1", 0),
        ("1 < bool Inf", 1),
        ("1e308 * 10", math.inf),
    ],
)
def test_scalars(query: str, value: float) -> None:
    """Operators on scalars are IEEE's, `%` has the sign of the dividend."""
    assert ask(DATA, query).rows == close({(): [value]})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('v{g="x"} % 4', '{g="x",i="1"} 1\n{g="x",i="2"} 2\n{g="x",i="3"} 2'),
        ('2 ^ v{g="x"}', '{g="x",i="1"} 2\n{g="x",i="2"} 4\n{g="x",i="3"} 64'),
        ('2 < v{g="x"}', 'v{g="x",i="3"} 6'),
        ("v == v", 'v{g="x",i="1"} 1\nv{g="x",i="2"} 2\nv{g="x",i="3"} 6\nv{g="y",i="1"} 6'),
        ("v != 6", 'v{g="x",i="1"} 1\nv{g="x",i="2"} 2\nv{g="y",i="2"} NaN'),
        ('v{g="x"} > bool 1', '{g="x",i="1"} 0\n{g="x",i="2"} 1\n{g="x",i="3"} 1'),
        ('1 <= bool v{g="y"}', '{g="y",i="1"} 1\n{g="y",i="2"} 0'),
        ('v{g="x"} + on(i) w', '{i="1"} 11\n{i="2"} 22'),
        ('v{g="x"} + ignoring(g) w', '{i="1"} 11\n{i="2"} 22'),
        ('v{g="x"} < on(i) w', '{i="1"} 1\n{i="2"} 2'),
        ('v{g="x"} < ignoring(g) w', 'v{i="1"} 1\nv{i="2"} 2'),
        ('w > ignoring(g) v{g="x"}', 'w{i="1"} 10\nw{i="2"} 20'),
        ('w > bool ignoring(g) v{g="x"}', '{i="1"} 1\n{i="2"} 1'),
        ('v{g="x"} - on(g, i) u', '{g="x",i="1"} 8'),
        ("v atan2 u", '{g="x",i="1"} 2.999695598985629'),
        ("v > u", 'v{g="x",i="1"} 1'),
        ("v + on(__name__, i) v{g='x'}", None),
        ("w + on(__name__, i) w", '{i="1"} 20\n{i="2"} 40\n{i="4"} 80'),
        ("w == on(__name__, i) w", 'w{i="1"} 10\nw{i="2"} 20\nw{i="4"} 40'),
        (
            "v / on(i) group_left w",
            '{g="x",i="1"} 0.1\n{g="x",i="2"} 0.1\n{g="y",i="1"} 0.6\n{g="y",i="2"} NaN',
        ),
        ("w / on(i) group_right v{g='x'}", '{g="x",i="1"} 10\n{g="x",i="2"} 10'),
        ("w > on(i) group_right v{g='x'}", 'v{g="x",i="1"} 10\nv{g="x",i="2"} 20'),
        ("v < on(i) group_left w", 'v{g="x",i="1"} 1\nv{g="x",i="2"} 2\nv{g="y",i="1"} 6'),
        (
            "v * on(i) group_left(tier) t",
            '{g="x",i="1",tier="gold"} 3\n{g="y",i="1",tier="gold"} 18',
        ),
        ("t * on(i) group_right(tier) v{g='y'}", '{g="y",i="1",tier="gold"} 18'),
        ("v{g='y'} * on(i) group_left(g) w", '{i="1"} 60\n{i="2"} NaN'),
        ('v{g="x"} == ignoring(i) group_left nope', ""),
        ('v{g="x"} + nope', ""),
        ("nope + nope", ""),
        ('v{g="x"} unless on(i) w', 'v{g="x",i="3"} 6'),
        ('v{g="x"} and on(i) w', 'v{g="x",i="1"} 1\nv{g="x",i="2"} 2'),
        ("w and on() t", 'w{i="1"} 10\nw{i="2"} 20\nw{i="4"} 40'),
        ("w unless on() t", ""),
        ("w unless nope", 'w{i="1"} 10\nw{i="2"} 20\nw{i="4"} 40'),
        ("nope or t", 't{i="1",tier="gold"} 3'),
        ("t or on(i) w", 't{i="1",tier="gold"} 3\nw{i="2"} 20\nw{i="4"} 40'),
        ("u or v{g='x'}", 'u{g="x",i="1"} -7\nv{g="x",i="2"} 2\nv{g="x",i="3"} 6'),
        ("vector(0) or vector(1)", "{} 0"),
    ],
)
def test_vectors(query: str, expected: str | None) -> None:
    """promql.md 2.9 and section 10 E at one step: values, labels and names of results."""
    if expected is None:
        with pytest.raises(MatchingError):
            ask(DATA, query)
        return
    assert ask(DATA, query).rows == expect(expected)


MATCHED_TWICE = (
    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
)

NOT_UNIQUE = "multiple matches for labels: grouping labels must ensure unique matches"


def duplicates(side: str) -> str:
    return (
        f'found duplicate series for the match group {{i="1"}} on the {side} hand-side of the '
        'operation: [{__name__="v", g="y", i="1"}, {__name__="v", g="x", i="1"}]'
        ";many-to-many matching not allowed: matching labels must be unique on one side"
    )


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("w + on(i) v", duplicates("right")),
        ("v * on(i) group_right v", duplicates("left")),
        ("v + on(i) w", MATCHED_TWICE),
        ("v > on(i) w", MATCHED_TWICE),
        ("v * on(i) group_left(g) w", NOT_UNIQUE),
        ("v > on(i) group_left(g) w", NOT_UNIQUE),
        ("w < on(i) group_right(g) v", NOT_UNIQUE),
    ],
)
def test_refused(query: str, message: str) -> None:
    """What cannot be paired one to one, or many to one, fails with Prometheus' words, filtered out or not."""
    with pytest.raises(MatchingError) as caught:
        ask(DATA, query)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("a + b", '{i="1"} 11 _ 33'),
        ("a * on(i) c", '{i="1"} 100 400 900\n'),
        ("c > on(i) a", '{i="1"} 100 200 300'),
        ("a * on(i) group_left(n) c", '{i="1",n="x"} 100 400 _\n{i="1",n="y"} _ _ 900'),
        ("a and b", 'a{i="1"} 1 _ 3'),
        ("a unless b", 'a{i="1"} _ 2 _'),
        ("b or a", 'b{i="1"} 10 _ 30\na{i="1"} _ 2 _'),
        ("a > scalar(d)", 'a{i="1"} _ 2 _'),
    ],
)
def test_steps(query: str, expected: str) -> None:
    """Matching is judged at each step: what is never there together is no duplicate."""
    data = """
        a{i="1"} 1 2 3
        b{i="1"} 10 _ 30
        c{i="1",n="x"} 100 200 _
        c{i="1",n="y"} _ _ 300
        d 1 1 3
    """
    assert ask(data, query).rows == expect(expected)


def test_duplicates_without_a_counterpart() -> None:
    """Duplicates on one side are no error at a step where the other side is empty."""
    data = 'a 1 _\nb{i="1"} _ 1\nb{i="2"} _ 2\nc{i="1"} 1 _'
    assert ask(data, "a + on() b").rows == {}
    with pytest.raises(MatchingError):
        ask(data, "(a or c) + on() (b or c)".replace("(a or c)", "(a or b{i='1'})"))


def test_many_pairs_are_not_listed() -> None:
    """Two large sides in one match group fail at once instead of pairing each with each."""
    rows = [f'{name}{{i="{i}"}} 1' for name in "ab" for i in range(3000)]
    with pytest.raises(MatchingError, match="found duplicate series"):
        ask("\n".join(rows), "a + on() b")


def test_partners_that_change_with_each_step_are_limited() -> None:
    """A partner at each step is a pair each, present at one step: what would be held for them is counted."""
    steps = 40
    ones = [f'b{{i="{i}"}} ' + "_ " * i + "1" + " _" * (steps - i - 1) for i in range(steps)]
    data = "\n".join([*ones, "a" + " 1" * steps])
    assert ask(data, "a + on() b").rows == {(): [2.0] * steps}
    with pytest.raises(TooManySamplesError):
        ask(data, "a + on() b", max_samples=steps * steps - 1)


OPERATORS: dict[str, Any] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    ">": lambda a, b: a if a > b else None,
    "== bool": lambda a, b: float(a == b),
}
MATCHINGS = ["", "on(i)", "ignoring(g)", "on()", "ignoring(i)"]


@st.composite
def vectors(draw: st.DrawFn) -> StepVector:
    """Series of two metrics with a few labels, absent here and there."""
    labels = draw(
        st.lists(
            st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.sampled_from("123")),
            max_size=9,
            unique=True,
        )
    )
    s = draw(st.integers(1, 3))
    cells = draw(
        st.lists(
            st.one_of(st.none(), st.integers(-3, 3).map(float)),
            min_size=len(labels) * s,
            max_size=len(labels) * s,
        )
    )
    grid = np.array([math.nan if c is None else c for c in cells]).reshape(len(labels), s)
    present = np.array([c is not None for c in cells], dtype=bool).reshape(len(labels), s)
    sets: list[Labels] = [
        ((METRIC_NAME, name), ("g", group), ("i", i)) for name, group, i in labels
    ]
    return StepVector(labels=sets, values=grid, present=present)


def plain_binary(
    vector: StepVector, op: str, matching: str, many: str
) -> dict[Labels, Values] | None:
    """One step after the other, each left element against each right one; None where it is an error."""
    rows: dict[Labels, Values] = {}
    on = {"": "gi", "on(i)": "i", "ignoring(g)": "i", "on()": "", "ignoring(i)": "g"}[matching]
    steps = vector.values.shape[1]
    for step in range(steps):
        sides: dict[str, list[tuple[Labels, float]]] = {"a": [], "b": []}
        for labels, value, there in zip(
            vector.labels, vector.values[:, step].tolist(), vector.present[:, step], strict=True
        ):
            if there:
                sides[labels[0][1]].append((labels, value))
        results: list[Labels] = []
        one = "a" if many == "group_right" else "b"
        keys = [tuple(p for p in labels if p[0] in on) for labels, _ in sides[one]]
        if len(set(keys)) < len(keys) and sides["a"] and sides["b"]:
            return None
        seen: set[object] = set()
        for left, a in sides["a"]:
            for right, b in sides["b"]:
                key = tuple(p for p in left if p[0] in on)
                if key != tuple(p for p in right if p[0] in on):
                    continue
                base = right if many == "group_right" else left
                if op != ">":
                    base = base[1:]
                if not many:
                    if key in seen:
                        return None
                    seen.add(key)
                    kept = {*on} if matching.startswith("on") else {*on, METRIC_NAME}
                    base = tuple(p for p in base if p[0] in kept)
                value = OPERATORS[op](a, b)
                if value is not None:
                    results.append(base)
                    rows.setdefault(base, [None] * steps)[step] = float(value)
        if len(set(results)) < len(results):
            return None
    return rows


@given(
    vectors(),
    st.sampled_from(sorted(OPERATORS)),
    st.sampled_from(MATCHINGS),
    st.sampled_from(["", "group_left", "group_right"]),
)
@settings(max_examples=200, deadline=None)
def test_as_the_plain_model(vector: StepVector, op: str, matching: str, many: str) -> None:
    """Every match is what a loop over steps and all pairs says, errors too."""
    many = many if matching else ""
    expected = plain_binary(vector, op, matching, many)
    query = f"a {op} {matching} {many} b"
    if expected is None:
        with pytest.raises(MatchingError):
            ask(vector, query)
    else:
        assert ask(vector, query).rows == close(expected)


@given(vectors(), st.sampled_from(["and", "or", "unless"]), st.sampled_from(MATCHINGS))
@settings(max_examples=150, deadline=None)
def test_sets_as_the_plain_model(vector: StepVector, op: str, matching: str) -> None:
    """Set operators keep elements by what is there at the same step."""
    on = {"": "gi", "on(i)": "i", "ignoring(g)": "i", "on()": "", "ignoring(i)": "g"}[matching]
    keys = [tuple(p for p in labels if p[0] in on) for labels in vector.labels]
    expected: dict[Labels, Values] = {}
    for row, labels in enumerate(vector.labels):
        is_left = labels[0][1] == "a"
        cells: Values = []
        for step in range(vector.values.shape[1]):
            others = {
                keys[i]
                for i, other in enumerate(vector.labels)
                if other[0] != labels[0] and vector.present[i, step]
            }
            matched = keys[row] in others
            kept = {"and": is_left and matched, "unless": is_left and not matched}
            stays = kept.get(op, is_left or not matched) and vector.present[row, step]
            cells.append(float(vector.values[row, step]) if stays else None)
        if any(cell is not None for cell in cells):
            expected[labels] = cells
    assert ask(vector, f"a {op} {matching} b").rows == close(expected)
