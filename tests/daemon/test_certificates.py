"""Certificates of ports, with real handshakes."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
import trustme

from daemon.certificates import CertificateError, Certificates
from daemon.config.server_tls import OPENSSL_NAMES
from tests.support.certificates import EXPIRES, Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


async def seen_expiry(
    server: ssl.SSLContext, client: ssl.SSLContext, server_hostname: str = "localhost"
) -> str:
    """Shake hands over loopback and return when the server's certificate expires, as the client sees it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(1))
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=server)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=client, server_hostname=server_hostname
        )
        try:
            writer.write(b"x")
            assert await reader.read(1) == b"x"
            return str(writer.get_extra_info("peercert")["notAfter"])
        finally:
            writer.close()


async def test_a_rotated_certificate_holds_for_the_next_connection(files: Files) -> None:
    """The same context shakes hands with the new files once they were looked at; the expiry follows."""
    certificates = Certificates(files.config(), "receivers.otlp.tls")
    counts: Counter[str] = Counter()

    def count(result: str, amount: int) -> None:
        counts[result] += amount

    before = await seen_expiry(certificates.context, files.client()), certificates.not_after_s
    files.rotate()
    certificates.refresh(60_000, count)
    after = await seen_expiry(certificates.context, files.client()), certificates.not_after_s
    certificates.refresh(120_000, count)
    assert before == ("Jan  2 00:00:00 2090 GMT", (EXPIRES + timedelta(1)).timestamp())
    assert after == ("Jan  3 00:00:00 2090 GMT", (EXPIRES + timedelta(2)).timestamp())
    assert counts == {"success": 1}


async def test_half_a_rotation_costs_no_connection(files: Files) -> None:
    """A key that does not fit the certificate is told once; the old pair stays in force until both are there."""
    certificates = Certificates(files.config(), "receivers.otlp.tls")
    counts: Counter[str] = Counter()

    def count(result: str, amount: int) -> None:
        counts[result] += amount

    good = (files.link / "tls.key").read_bytes()
    other = files.authority.issue_cert("other").private_key_pem.bytes()
    (files.link / "tls.key").write_bytes(other)
    for at_ms in (60_000, 120_000):
        certificates.refresh(at_ms, count)
    assert await seen_expiry(certificates.context, files.client())
    (files.link / "tls.key").write_bytes(good + b"\n")
    certificates.refresh(180_000, count)
    assert await seen_expiry(certificates.context, files.client())
    assert counts == {"failure": 1, "success": 1}


async def test_files_are_looked_at_every_interval(files: Files) -> None:
    """Between two looks nothing is read."""
    certificates = Certificates(files.config(reload_interval=5_000), "x")
    counts: Counter[str] = Counter()
    certificates.refresh(10_000, lambda result, amount: counts.update({result: amount}))
    files.rotate()
    for at_ms in (12_000, 14_999, 15_000):
        certificates.refresh(at_ms, lambda result, amount: counts.update({result: amount}))
        counts[f"by {at_ms}"] = counts["success"]
    assert (counts["by 14999"], counts["by 15000"]) == (0, 1)


async def test_clients_must_show_a_certificate(files: Files) -> None:
    """With `client_ca_file` a client without one is turned away, one that the authority has signed is served."""
    config = files.config(client_ca_file=f"{files.link}/ca.crt")
    certificates = Certificates(config, "x")
    assert await seen_expiry(certificates.context, files.client(certificate=True))
    with pytest.raises((ssl.SSLError, ConnectionResetError, AssertionError)):
        await seen_expiry(certificates.context, files.client())


async def test_an_authority_that_was_rotated_away_vouches_for_nobody(files: Files) -> None:
    """After a rotation of `client_ca_file` its old clients are turned away, the new ones are served."""
    certificates = Certificates(files.config(**files.client_ca), "x")
    old = files.client(certificate=True)
    assert await seen_expiry(certificates.context, old)
    files.client_authority = trustme.CA()
    files.rotate()
    certificates.refresh(60_000, lambda _result, _amount: None)
    assert await seen_expiry(certificates.context, files.client(certificate=True))
    with pytest.raises((ssl.SSLError, ConnectionResetError, AssertionError)):
        await seen_expiry(certificates.context, old)


async def test_a_client_that_names_no_server(files: Files) -> None:
    """Without the name of a server in its handshake a client gets what is in force, too."""
    certificates = Certificates(files.config(), "x")
    files.rotate()
    certificates.refresh(60_000, lambda _result, _amount: None)
    nameless = files.client()
    nameless.check_hostname = False
    expiry = await seen_expiry(certificates.context, nameless, server_hostname="")
    assert expiry == "Jan  3 00:00:00 2090 GMT"


async def test_the_lowest_version(files: Files) -> None:
    """`min_version: "1.3"` turns away a client that speaks 1.2 only."""
    certificates = Certificates(files.config(min_version="1.3"), "x")
    old = files.client()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        await seen_expiry(certificates.context, old)


def test_every_cipher_suite_is_one_of_the_library(files: Files) -> None:
    """Each of the collector's names that is taken can be used."""
    for name in OPENSSL_NAMES:
        context = Certificates(files.config(cipher_suites=(name,)), "x").context
        chosen = {cipher["name"] for cipher in context.get_ciphers()}
        assert OPENSSL_NAMES[name] in chosen


async def test_grpc_with_a_rotated_certificate(files: Files) -> None:
    """A gRPC port shakes hands with what is in force; a connection that is open stays open."""
    certificates = Certificates(files.config(client_ca_file=f"{files.link}/ca.crt"), "x")
    server = grpc.aio.server()
    echo = grpc.unary_unary_rpc_method_handler(lambda request, _context: request)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", {"Echo": echo}),))
    port = server.add_secure_port("127.0.0.1:0", certificates.grpc_credentials())
    await server.start()
    client = files.authority.issue_cert("client")
    credentials = grpc.ssl_channel_credentials(
        files.authority.cert_pem.bytes(),
        client.private_key_pem.bytes(),
        client.cert_chain_pems[0].bytes(),
    )

    def connect() -> grpc.aio.Channel:
        options = (
            ("grpc.ssl_target_name_override", "localhost"),
            ("grpc.use_local_subchannel_pool", 1),
        )
        return grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options=options)

    try:
        async with connect() as old, connect() as new:
            first = await old.unary_unary("/t.T/Echo")(b"1")
            files.rotate()
            certificates.refresh(60_000, lambda _result, _amount: None)
            second = await old.unary_unary("/t.T/Echo")(b"2")
            third = await new.unary_unary("/t.T/Echo")(b"3")
        anonymous = grpc.ssl_channel_credentials(files.authority.cert_pem.bytes())
        options = (("grpc.ssl_target_name_override", "localhost"),)
        async with grpc.aio.secure_channel(
            f"127.0.0.1:{port}", anonymous, options=options
        ) as stranger:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stranger.unary_unary("/t.T/Echo")(b"4")
    finally:
        await server.stop(None)
    assert (first, second, third) == (b"1", b"2", b"3")
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        pytest.param(lambda folder: (folder / "tls.crt").unlink(), "No such file", id="no file"),
        pytest.param(lambda folder: (folder / "tls.key").write_text("?"), "tls.key", id="no key"),
        pytest.param(lambda folder: (folder / "ca.crt").write_text("?"), "ca.crt", id="no CA"),
    ],
)
def test_files_that_cannot_be_used(files: Files, spoil: object, expected: str) -> None:
    """The message names the block, the settings and the files."""
    assert callable(spoil)
    spoil(files.link)
    config = files.config(client_ca_file=f"{files.link}/ca.crt")
    with pytest.raises(
        CertificateError, match=r"receivers\.otlp\.tls: cannot use cert_file"
    ) as error:
        Certificates(config, "receivers.otlp.tls")
    assert expected in str(error.value)
