"""Who is at the other end."""

from __future__ import annotations

import pytest

from receivers.addresses import peer_address

PEERS = [
    ("ipv4:10.1.2.3:4711", "10.1.2.3"),
    ("ipv6:%5B::1%5D:4711", "::1"),
    ("ipv6:[::ffff:10.1.2.3]:4711", "10.1.2.3"),
    ("ipv6:%5Bfe80::1%25eth0%5D:4711", "fe80::1%eth0"),
    ("ipv4:what:1", "what"),
    ("unix:/run/x.sock", "unix:/run/x.sock"),
]


@pytest.mark.parametrize(("peer", "expected"), PEERS)
def test_peer_address(peer: str, expected: str) -> None:
    """The address without port, IPv4 as IPv4."""
    assert peer_address(peer) == expected
