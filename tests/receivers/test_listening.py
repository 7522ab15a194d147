"""Opening the port: both IP versions, a port that is taken, and what the operator is told."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Iterator

import grpc
import pytest

from receivers import listening
from receivers.listening import ListenError
from tests.receivers.opencensus.running import UNIT_S, running

pytestmark = pytest.mark.integration


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    """A port that somebody else listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other


async def reached(host: str, port: int) -> bool:
    async with grpc.aio.insecure_channel(f"{host}:{port}") as channel:
        await asyncio.wait_for(channel.channel_ready(), UNIT_S)
    return True


async def test_port_in_use(taken: socket.socket) -> None:
    """After the retries the error names the endpoint, the likely causes and what to do (4.17)."""
    endpoint = f"127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(ListenError) as caught:
        async with running(endpoint=endpoint, bind_retry_s=0):
            pass
    assert str(caught.value) == (
        f"cannot listen on {endpoint}: address already in use; another process listens there, or holds it for an"
        " outgoing connection (ports from 32768 to 60999 are given out for these): stop it, reserve the port with"
        " net.ipv4.ip_local_reserved_ports, or set another endpoint"
    )


async def test_port_comes_free(taken: socket.socket) -> None:
    """A port that is taken for a moment is tried again."""
    endpoint = f"127.0.0.1:{taken.getsockname()[1]}"
    asyncio.get_running_loop().call_later(0.05, taken.close)
    async with running(endpoint=endpoint, bind_retry_s=UNIT_S) as oc:
        assert oc.port == int(endpoint.rpartition(":")[2])


async def test_two_servers_do_not_share_a_port() -> None:
    """The second of two on one port is told, it does not take half of the calls."""
    async with running() as oc:
        with pytest.raises(ListenError):
            async with running(endpoint=f"127.0.0.1:{oc.port}", bind_retry_s=0):
                pass


async def test_address_that_is_not_ours() -> None:
    """Another error than a port in use is told at once."""
    began = time.monotonic()
    with pytest.raises(ListenError, match=r"192\.0\.2\.1:0: cannot assign requested address$"):
        async with running(endpoint="192.0.2.1:0"):
            pass
    assert time.monotonic() - began < UNIT_S / 2


async def test_wildcard_is_dual_stack() -> None:
    """`[::]` answers IPv4, and IPv6 where it is on."""
    async with running(endpoint="[::]:0") as oc:
        assert await reached("127.0.0.1", oc.port)
        if socket.has_ipv6 and _ipv6_is_on():
            assert await reached("[::1]", oc.port)


def _ipv6_is_on() -> bool:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True


async def test_wildcard_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where IPv6 is off `[::]` means all IPv4 addresses."""
    bind = listening._try_bind

    def without_ipv6(family: int, address: tuple[str, int]) -> None:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "address family not supported")
        bind(family, address)

    monkeypatch.setattr(listening, "_try_bind", without_ipv6)
    async with running(endpoint="[::]:0") as oc:
        assert await reached("127.0.0.1", oc.port)


async def test_ipv6_address() -> None:
    """An IPv6 address is written in brackets."""
    if not _ipv6_is_on():
        pytest.skip("no IPv6 here")
    async with running(endpoint="[::1]:0") as oc:
        assert await reached("[::1]", oc.port)
