"""Converters of network addresses: CIDR membership and flow hashes (spec/ottl.md 4.3, 4.4)."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Final

from daemon.ottl.errors import OttlBuildError, OttlEvaluationError
from daemon.ottl.functions.declare import TARGET, plain
from daemon.ottl.functions.signature import Converter, Function, Param, ParamKind
from daemon.ottl.values import Value

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PROTOCOLS: Final = {"ICMP": 1, "TCP": 6, "UDP": 17, "RSVP": 46, "ICMP6": 58, "SCTP": 132}
_MAPPED_BITS: Final = 96
"""An IPv4 address inside IPv6 (::ffff:0:0/96) counts as the IPv4 address."""


def parse_address(text: str) -> Address | None:
    """Return the address, IPv4 inside IPv6 as IPv4; None for other text, also for one with a zone."""
    if "%" in text:
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def parse_network(text: str) -> Network:
    """Return the network of an address and a prefix length; host bits are cleared.

    Raises OttlEvaluationError for other text.
    """
    address_text, slash, length = text.partition("/")
    address = parse_address(address_text)
    if (
        not slash
        or address is None
        or not (length.isascii() and length.isdigit())
        or len(length) > 3
    ):
        raise OttlEvaluationError(f"bad network {text[:60]!r}: expected one such as 10.0.0.0/8")
    bits = int(length)
    if ":" in address_text and address.version == 4:
        bits -= _MAPPED_BITS
    try:
        return ipaddress.ip_network((address, bits), strict=False)
    except ValueError:
        raise OttlEvaluationError(f"bad network {text[:60]!r}: no such prefix length") from None


def _bind_is_in_cidr(literals: Mapping[str, Value]) -> Function:
    texts = literals.get("networks")
    if not isinstance(texts, list):
        return lambda target, networks: _is_in(target, [parse_network(n) for n in networks])
    try:
        known = [parse_network(str(text)) for text in texts]
    except OttlEvaluationError as error:
        raise OttlBuildError(f"IsInCIDR: {error}") from None
    return lambda target, _networks: _is_in(target, known)


def _is_in(target: str, networks: Sequence[Network]) -> bool:
    address = parse_address(target)
    return address is not None and any(address in network for network in networks)


def community_id(  # noqa: PLR0917  the arguments of the OTTL function
    source_ip: str,
    source_port: int,
    destination_ip: str,
    destination_port: int,
    protocol: str | None = None,
    seed: int | None = None,
) -> str:
    """Return the Community ID (version 1) of a flow: the same for both directions."""
    number = _PROTOCOLS.get("TCP" if protocol is None else protocol)
    if number is None:
        raise OttlEvaluationError(
            f"CommunityID: expected one of {', '.join(_PROTOCOLS)}, got {protocol!r}"
        )
    ends = sorted(
        (
            _endpoint(source_ip, source_port, "source"),
            _endpoint(destination_ip, destination_port, "destination"),
        ),
        key=lambda end: (len(end[0]), *end),
    )
    if not 0 <= (seed or 0) <= 0xFFFF:
        raise OttlEvaluationError(f"CommunityID: expected a seed from 0 to 65535, got {seed}")
    (first, first_port), (second, second_port) = ends
    flow = (seed or 0).to_bytes(2, "big") + first + second + bytes((number, 0))
    flow += first_port.to_bytes(2, "big") + second_port.to_bytes(2, "big")
    return "1:" + base64.b64encode(hashlib.sha1(flow, usedforsecurity=False).digest()).decode(
        "ascii"
    )


def _endpoint(ip: str, port: int, which: str) -> tuple[bytes, int]:
    if not 0 <= port <= 0xFFFF:
        raise OttlEvaluationError(
            f"CommunityID: expected a {which} port from 0 to 65535, got {port}"
        )
    address = parse_address(ip)
    if address is None:
        raise OttlEvaluationError(f"CommunityID: bad {which} address {ip[:60]!r}")
    return address.packed, port


CONVERTERS: Final[tuple[Converter, ...]] = (
    Converter(
        name="IsInCIDR",
        params=(TARGET, Param("networks", ParamKind.STRING, many=True)),
        bind=_bind_is_in_cidr,
    ),
    plain(
        "CommunityID",
        community_id,
        Param("source_ip", ParamKind.STRING),
        Param("source_port", ParamKind.INT),
        Param("destination_ip", ParamKind.STRING),
        Param("destination_port", ParamKind.INT),
        Param("protocol", ParamKind.STRING, optional=True),
        Param("seed", ParamKind.INT, optional=True),
    ),
)
