"""What may be taken until somebody has looked."""

from __future__ import annotations

from query.store.allowance import Allowance


def test_no_limit() -> None:
    """Without a limit anything may be taken, and nobody is asked."""
    allowance = Allowance()
    assert (allowance.spend(1 << 60), allowance.is_spent) == (True, False)


def test_spent() -> None:
    """What is left goes down to nothing, and then nobody is asked any more."""
    allowance, asked = Allowance(), []
    allowance.left_bytes, allowance.on_spent = 10, lambda: asked.append(True)
    assert [allowance.spend(5) for _ in range(4)] == [True, True, False, False]
    assert (allowance.is_spent, asked) == (True, [])


def test_asked_for_more() -> None:
    """Who is asked may allow more, once each time; if that is too little all is spent."""
    allowance = Allowance()
    allowance.left_bytes = 4

    def allow() -> None:
        allowance.left_bytes = 20

    allowance.on_spent = allow
    assert (allowance.spend(5), allowance.left_bytes) == (True, 15)
    assert (allowance.spend(30), allowance.is_spent) == (False, True)


def test_limit_that_goes() -> None:
    """Who is asked may lift the limit."""
    allowance = Allowance()
    allowance.left_bytes = 1

    def lift() -> None:
        allowance.left_bytes = None

    allowance.on_spent = lift
    assert allowance.spend(5)
