"""What is said once for each peer."""

from __future__ import annotations

from receivers.otlp.once import OncePerPeer


def test_for_good() -> None:
    """A peer is due once."""
    once = OncePerPeer()
    assert [once.is_due(peer, 0) for peer in "abab"] == [True, True, False, False]


def test_for_a_time() -> None:
    """A peer is due again when the time is over, counted from when it was due last."""
    once = OncePerPeer(60_000)
    assert [once.is_due("a", at) for at in (0, 1, 59_999, 60_000, 119_999)] == [
        True, False, False, True, False,
    ]  # fmt: skip


def test_bounded() -> None:
    """Who was due longest ago is forgotten when there are too many."""
    once = OncePerPeer(max_peers=2)
    assert [once.is_due(peer, 0) for peer in "abcba"] == [True, True, True, False, True]
