"""Who is at the other end of a connection: an IP address without the port, one spelling for each."""

from __future__ import annotations

import ipaddress
import urllib.parse
from functools import lru_cache
from typing import Final

MAX_REMEMBERED: Final = 4_096
"""Addresses; every request asks for one, and they stay the same as long as the connection."""


@lru_cache(MAX_REMEMBERED)
def peer_address(peer: str) -> str:
    """Return the IP address, without port, of a gRPC peer such as "ipv4:10.0.0.1:4711" or "ipv6:%5B::1%5D:4711"."""
    scheme, _, rest = urllib.parse.unquote(peer).partition(":")
    if scheme not in {"ipv4", "ipv6"}:
        return peer
    return plain_address(rest.rpartition(":")[0].strip("[]"))


@lru_cache(MAX_REMEMBERED)
def plain_address(host: str) -> str:
    """Return an IP address in its one spelling; an IPv4 address that came through a dual-stack socket as IPv4."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
