"""One line a minute for each cause."""

from __future__ import annotations

from daemon.seldom import MAX_CAUSES, QUIET_S, Seldom


def test_once_a_minute() -> None:
    """The first of a cause is told, the next after a minute with the number of those between; causes are told apart."""
    now_s = 5.0
    seldom = Seldom(lambda: now_s)
    assert [seldom("a"), seldom("a"), seldom("b"), seldom("a")] == [0, None, 0, None]
    now_s += QUIET_S
    assert [seldom("a"), seldom("a"), seldom("b")] == [2, None, 0]


def test_bounded() -> None:
    """Of too many causes all are forgotten, so that what is remembered stays small."""
    seldom = Seldom(lambda: 0.0)
    assert {seldom(str(n)) for n in range(MAX_CAUSES)} == {0}
    assert seldom("0") is None
    assert seldom("one more") == 0
    assert seldom("0") == 0
