"""Metric names: known ones and refused ones, bounded."""

from __future__ import annotations

from query.queryable import NO_TIME
from query.store.names import (
    MAX_NAME_LENGTH,
    MAX_REFUSED_NAMES,
    MAX_SHARED_NAMES,
    MAX_SHARED_SETS,
    Names,
)
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


def test_refusals_of_known_names_are_never_dropped() -> None:
    """However many names are refused that cannot become known: those that can be asked for stay incomplete."""
    many = MAX_REFUSED_NAMES + 5
    names = Names(many)
    names.add(frozenset(str(i) for i in range(many)))
    for i in range(many):
        names.refuse(str(i), i)
    for i in range(many):
        names.refuse(f"other {i}", 10 * many)
    asked = [names.refused_at_ms([equal("__name__", name)]) for name in ("0", "1", "other 0")]
    assert (asked, names.refused_at_ms([matches("__name__", "1")])) == (
        [0, 1, NO_TIME],
        10 * many,
    )


def test_long_names_do_not_become_known() -> None:
    """A name is as long as names are, or refused."""
    names = Names(10)
    fits, long = "n" * MAX_NAME_LENGTH, "n" * (MAX_NAME_LENGTH + 1)
    assert (names.add(frozenset({fits, long})), list(names.known)) == ([long], [fits])


def test_shared_sets_are_bounded_by_their_names() -> None:
    """Few sets of very many names are as much as many sets of few."""
    names = Names(10)
    first = names.intern("ab")
    assert names.intern("ba") is first
    names.intern(map(str, range(MAX_SHARED_NAMES)))
    assert names.intern("ab") is not first
