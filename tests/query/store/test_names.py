"""Metric names: known ones and refused ones, bounded."""

from __future__ import annotations

from query.queryable import NO_TIME
from query.store.names import MAX_REFUSED_NAMES, MAX_SHARED_SETS, Names
from tests.query.store.support import equal, matches, unequal


def test_equal_sets_are_one_object() -> None:
    """All sidecars report the same names; sets in far greater variety are not kept."""
    names = Names(10)
    first = names.intern(["a", "b"])
    same = names.intern(["b", "a"]) is first
    for i in range(MAX_SHARED_SETS):
        names.intern([str(i)])
    assert (first, same, names.intern(["a", "b"]) is first) == (frozenset("ab"), True, False)


def test_known_names_are_bounded() -> None:
    """What is over the limit is returned; what is known already is not counted twice."""
    names = Names(2)
    refused = [names.add(frozenset(some)) for some in ("a", "ab", "abc", "dc")]
    assert (refused, list(names.known)) == ([[], [], ["c"], ["c", "d"]], ["a", "b"])


def test_refusals() -> None:
    """The latest refusal among the names that all matchers on the name accept."""
    names = Names(10)
    for name, at_ms in (("a", 1), ("b", 2), ("a", 3)):
        names.refuse(name, at_ms)
    questions = [
        [],
        [equal("__name__", "a")],
        [equal("__name__", "b"), equal("k", "v")],
        [matches("__name__", "a|b"), unequal("__name__", "a")],
        [equal("__name__", "c")],
    ]
    assert [names.refused_at_ms(one) for one in questions] == [3, 3, 2, 2, NO_TIME]


def test_refusals_are_bounded() -> None:
    """The name refused longest ago is dropped."""
    names = Names(10)
    for i in range(MAX_REFUSED_NAMES + 1):
        names.refuse(str(i), i)
    assert [names.refused_at_ms([equal("__name__", name)]) for name in ("0", "1")] == [NO_TIME, 1]
