from __future__ import annotations

import pytest

from query.errors import QueryError
from tests.query.evaluate.steps import ask, expect

DATA = """
    a{i="1"} 1 10
    a{i="2"} 2 _
    b{i="1"} 4 40
"""


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("abs(a)", '{i="1"} 1 10\n{i="2"} 2 _'),
        ("a * 2", '{i="1"} 2 20\n{i="2"} 4 _'),
        ("a + b", '{i="1"} 5 50'),
        ("a < b", 'a{i="1"} 1 10'),
        ("a < bool b", '{i="1"} 1 1'),
        ("abs(a) < b", 'a{i="1"} 1 10'),
        ("abs(a) > 1", '{i="1"} _ 10\n{i="2"} 2 _'),
        ("sum by (__name__) (a)", "a 3 10"),
        ('sum by (__name__) (a{i="2"} or abs(a{i="1"}))', "{} 3 10"),
        ('sum by (__name__) (abs(a{i="1"}) or a{i="2"})', "{} 3 10"),
        ('sum by (__name__) (a{i="9"} or abs(a))', "{} 3 10"),
        ('sum by (__name__) (abs(a{i="9"}) or a)', "a 3 10"),
        ('sum by (i) (abs({i="1"}))', '{i="1"} 5 50'),
        ('sum(abs({i="1"}))', "{} 5 50"),
        ('topk(9, a{i="2"} or abs(a{i="1"}))', 'a{i="2"} 2 _\n{i="1"} 1 10'),
        ('-a{i="2"} or -b', '{i="2"} -2 _\n{i="1"} -4 -40'),
        ('-a{i="2"} or on(i) -b{i="2"} or -(a{i="1"} > 1)', '{i="2"} -2 _\n{i="1"} _ -10'),
        ("a > 5 or a", 'a{i="1"} 1 10\na{i="2"} 2 _'),
        ('count_values by (__name__) ("v", abs(a{i="2"}))', 'a{v="2"} 1 _'),
        ('label_replace(abs(a), "__name__", "w", "i", "1")', 'w{i="1"} 1 10\n{i="2"} 2 _'),
        (
            'label_replace(abs(a), "n", "$1", "__name__", "(.*)")',
            '{i="1",n="a"} 1 10\n{i="2",n="a"} 2 _',
        ),
        ('label_join(abs(a), "__name__", "_", "__name__", "i")', 'a_1{i="1"} 1 10\na_2{i="2"} 2 _'),
    ],
)
def test_delayed(query: str, expected: str) -> None:
    """With delayed name removal a name goes at the end, series by series, unless a label function has set it."""
    assert ask(DATA, query, delayed_names=True).rows == expect(expected)


def test_equal_labels_at_the_end() -> None:
    """Names that go at the end can leave equal labels, which fails the query."""
    with pytest.raises(QueryError, match="same labelset"):
        ask(DATA, 'sum by (__name__) (abs({i="1"}))', delayed_names=True)


def test_dropped_at_once() -> None:
    """By default the operation drops the name, so that collisions fail early."""
    with pytest.raises(QueryError, match="same labelset"):
        ask(DATA, 'sum(abs({i="1"}))')
