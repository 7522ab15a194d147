from __future__ import annotations

import pytest

from query.evaluate.label_work import LabelWork, NamelessLabels, without_metadata
from query.labels import Labels


def named(name: str, **labels: str) -> Labels:
    return tuple(sorted([("__name__", name), *labels.items()]))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (named("x", a="1"), (("a", "1"),)),
        (named("x", a="1", __type__="counter", __unit__="s"), (("a", "1"),)),
        (named("x", A="1"), (("A", "1"),)),
        ((("A", "1"), ("__name__", "x")), (("A", "1"),)),
        ((("a", "1"),), (("a", "1"),)),
        ((), ()),
    ],
)
def test_without_metadata(labels: Labels, expected: Labels) -> None:
    """Name, type and unit go together (promql.md 2.13)."""
    assert without_metadata(labels) == expected


def test_nameless_labels() -> None:
    """A sequence without names, of the same length, made once."""
    nameless = NamelessLabels((named("x", a="1"), named("x", a="2")))
    assert len(nameless) == 2
    assert list(nameless) == [(("a", "1"),), (("a", "2"),)]
    assert nameless[1] is nameless[1:][0]


def test_work_is_done_once_for_the_same_sequence() -> None:
    """Equal sequences are different ones, lists are never remembered."""
    work, done = LabelWork(), []
    first, twin, listed = (named("x"),) * 2, (named("x"),) * 3, [named("x")]
    for labels in (first, first, twin, listed, listed):
        work.remember(labels, "key", lambda: done.append(1))
    assert len(done) == 4


def test_old_work_is_forgotten() -> None:
    """What was not asked for while a generation filled is computed again; what was, is kept."""
    work, done = LabelWork(max_rows=10), []
    often, seldom = (named("a"),) * 2, (named("b"),) * 2

    def ask(labels: tuple[Labels, ...], name: str) -> None:
        work.remember(labels, "key", lambda: done.append(name))

    ask(often, "often")
    ask(seldom, "seldom")
    others = [(named("c"),) * 3 for _ in range(8)]
    for other in others:
        ask(other, "other")
        ask(often, "often")
    ask(seldom, "seldom")
    assert (done.count("often"), done.count("seldom"), done.count("other")) == (1, 2, 8)


@pytest.mark.parametrize(
    ("labels", "different", "nameless_different"),
    [
        ((), True, True),
        ((named("x"),), True, True),
        ((named("x", a="1"), named("x", a="2")), True, True),
        ((named("x", a="1"), named("y", a="1")), True, False),
        ((named("x", a="1"), named("y", a="2")), True, True),
        ((named("x"), named("x")), False, False),
    ],
)
def test_all_different(
    labels: tuple[Labels, ...], different: bool, nameless_different: bool
) -> None:
    """Label sets may differ in their names only."""
    work = LabelWork()
    nameless = work.without_metadata(labels)
    assert nameless is work.without_metadata(labels)
    assert (work.all_different(labels), work.all_different(nameless)) == (
        different,
        nameless_different,
    )
