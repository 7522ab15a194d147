"""Who writes: the peer's address."""

from __future__ import annotations

import pytest

from daemon.web.remote_write import peer_address


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("", "unknown"),
        ("pod-7", "pod-7"),
    ],
)
def test_peer(remote: str, expected: str) -> None:
    """One process is one address, whichever socket it came in by."""
    assert peer_address(remote) == expected
