"""Opening a receiver's port: dual stack, patient with a port that is taken for a moment, clear when it stays so."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from typing import Any

from receivers.errors import ReceiverError

SERVER_OPTIONS = (
    # C-core cancels calls at random above 1,000 waiting ones: a fleet that reconnects loses streams (opencensus.md 4.9),
    # and KEDA opens two for each trigger at once after a restart, and comes back to a lost one after up to 60 s.
    ("grpc.server.max_pending_requests", 1_000_000),
    ("grpc.server.max_pending_requests_hard_limit", 2_000_000),
    ("grpc.server_max_unrequested_time_in_server", 300),
    # What a connection keeps to read into. C-core takes 64 KiB where it wants more than 12, and after one report it
    # does: 1,000 filtered sidecars take 180 MB with 8 KiB, 238 MB without this, and as much with 16 KiB.
    ("grpc.experimental.tcp_max_read_buffer_size", 8 * 1024),
    # Keepalive pings must not wait for data: some servers never send any (opencensus.md 1.3).
    ("grpc.http2.max_pings_without_data", 0),
    # Two servers must not share a port unnoticed.
    ("grpc.so_reuseport", 0),
)
"""Options of every gRPC server here."""
_RETRY_EVERY_S = 0.25
_ANY_HOST = frozenset({"", "::"})
_NO_IPV6 = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})


class ListenError(ReceiverError):
    """The port could not be opened."""

    def __init__(self, endpoint: str, cause: OSError) -> None:
        super().__init__(endpoint, cause)
        self.endpoint = endpoint
        self.cause = cause

    def __str__(self) -> str:
        text = f"cannot listen on {self.endpoint}: {self.cause.strerror or self.cause}".lower()
        if self.cause.errno == errno.EADDRINUSE:
            text += (
                "; another process listens there, or holds it for an outgoing connection (ports from 32768 to 60999 are"
                " given out for these): stop it, reserve the port with net.ipv4.ip_local_reserved_ports, or set another"
                " endpoint"
            )
        return text


# Any: grpc ships no types.
async def listen(server: Any, endpoint: str, retry_for_s: float, credentials: Any = None) -> int:
    """Add `endpoint` ("host:port", "[ipv6]:port") to the grpc.aio `server` and return the port.

    With `credentials` of a server, as grpc makes them, it speaks TLS.

    A port in use is tried again for `retry_for_s` seconds: 55678 lies in Linux's ephemeral range, where an outgoing
    connection can hold it for a moment (opencensus.md 4.17).

    Raises:
        ListenError: it cannot be opened.
    """
    host, _, port = endpoint.rpartition(":")
    deadline = asyncio.get_running_loop().time() + retry_for_s
    while True:
        try:
            address = await _usable_address(host.strip("[]"), int(port))
            return _add(server, address, credentials)
        except OSError as error:
            late = asyncio.get_running_loop().time() >= deadline
            if error.errno != errno.EADDRINUSE or late:
                raise ListenError(endpoint, error) from error
        await asyncio.sleep(_RETRY_EVERY_S)


def listening_socket(endpoint: str) -> socket.socket:
    """Return a socket that listens at `endpoint`; the IPv4 wildcard stands in for the other where IPv6 is off.

    Raises:
        ListenError: it cannot be opened.
    """
    host, _, port = endpoint.rpartition(":")
    host = host.strip("[]")
    try:
        if host not in _ANY_HOST:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            return socket.create_server((host, int(port)), family=family)
        if socket.has_dualstack_ipv6():
            return socket.create_server(
                ("", int(port)), family=socket.AF_INET6, dualstack_ipv6=True
            )
        return socket.create_server(("", int(port)))
    except OSError as error:
        raise ListenError(endpoint, _plain(error)) from error


def _plain(error: OSError) -> OSError:
    """Return the error in the system's own words: Python's name the address once more."""
    if error.errno is None or error.errno not in errno.errorcode:
        return error
    return OSError(error.errno, os.strerror(error.errno))


def _add(server: Any, address: str, credentials: Any) -> int:
    try:
        if credentials is not None:
            secure: int = server.add_secure_port(address, credentials)
            return secure
        port: int = server.add_insecure_port(address)
    except RuntimeError as error:
        # grpc does not say why; the port was free a moment ago, so somebody was faster.
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE)) from error
    return port


async def _usable_address(host: str, port: int) -> str:
    """Return the address to give to grpc; the IPv4 wildcard stands in for the other where IPv6 is off.

    Raises:
        OSError: it cannot be bound, and why, which grpc would not tell.
    """
    if host in _ANY_HOST:
        try:
            _try_bind(socket.AF_INET6, ("::", port))
        except OSError as error:
            if error.errno not in _NO_IPV6:
                raise
            host = "0.0.0.0"  # noqa: S104  # the wildcard was asked for
        else:
            return f"[::]:{port}"
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, _, _, _, address = found[0]
    _try_bind(family, address)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _try_bind(family: int, address: Any) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and address[0] == "::":
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        probe.bind(address)
