"""Who may change the daemon's state."""

from __future__ import annotations

import pytest

from daemon.web.admin import is_loopback


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("0.0.0.0", False),
        ("", False),
        ("localhost", False),
    ],
)
def test_is_loopback(address: str, expected: bool) -> None:
    """Addresses of this machine alone, also those of IPv4 on a socket for both kinds."""
    assert is_loopback(address) is expected
