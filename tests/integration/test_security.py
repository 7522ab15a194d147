"""TLS and credentials on every port of a whole tallyd, with real handshakes; files rotate while streams are open."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
import structlog
import trustme
import yaml

from daemon.app import App
from daemon.check import load_checked
from daemon.cli import main
from tests.support.certificates import Files
from tests.support.opencensus_messages import ci, node, request
from tests.support.running_app import RunningApp, connect, on_loopback, running_app

pytestmark = pytest.mark.integration

NOW_S = 1_730_500_000
GRPC = ("opencensus", "otlp.protocols.grpc", "keda_scaler")
HTTP = {
    "otlp.protocols.http": "/v1/metrics",
    "http_api": "/-/ready",
    "health_check": "/healthz",
    "telemetry": "/metrics",
    "prometheus": "/metrics",
}
BLOCKS = {
    "opencensus": "receivers.opencensus",
    "otlp.protocols.grpc": "receivers.otlp.protocols.grpc",
    "otlp.protocols.http": "receivers.otlp.protocols.http",
    "keda_scaler": "extensions.keda_scaler",
    "http_api": "extensions.http_api",
    "health_check": "extensions.health_check",
    "telemetry": "service.telemetry.metrics",
    "prometheus": "exporters.prometheus",
}
"""Every port, and where its settings stand."""
EXPORT = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
TOKEN = {"Authorization": "Bearer s3cret"}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def locked(tls: Mapping[str, object] | None, auth: str | None = None) -> str:
    """Return a configuration with these locks on every port that can have them."""
    lock = {} if tls is None else {"tls": dict(tls)}
    both = lock if auth is None else {**lock, "auth": {"authenticator": auth}}
    config: dict[str, Any] = {
        "receivers": {
            "opencensus": lock,
            "otlp": {"protocols": {"grpc": both, "http": both}},
            "prometheusremotewrite": None,
        },
        "exporters": {"windows": None, "prometheus": {"endpoint": "127.0.0.1:0", **both}},
        "extensions": {"keda_scaler": lock, "http_api": both, "health_check": lock},
        "service": {"telemetry": {"metrics": both}},
    }
    if auth == "bearertokenauth":
        config["extensions"][auth] = {"token": "s3cret"}
    return yaml.safe_dump(config)


async def seen_expiry(port: int, client: ssl.SSLContext, protocol: str) -> str:
    """Shake hands, make sure that the server did too, and return when its certificate expires."""
    client.set_alpn_protocols([protocol])
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=client, server_hostname="localhost"
    )
    try:
        if protocol == "h2":
            writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
        else:
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        if not await reader.read(1):
            raise ConnectionResetError
        return str(writer.get_extra_info("peercert")["notAfter"])
    finally:
        writer.close()


def protocol_of(port: str) -> str:
    return "h2" if port in GRPC else "http/1.1"


async def test_certificates_rotate_while_streams_are_open(files: Files) -> None:
    """On every port new connections see the new certificate, old ones go on; counted, and the expiry is shown."""
    async with (
        running_app(locked(files.settings()), at_ms=NOW_S * 1000) as run,
        AsyncExitStack() as stack,
    ):
        run.credentials = files.credentials()
        sidecar = await stack.enter_async_context(run.sidecar(request(node=node())))
        await sidecar.report(request(ci("a", at=NOW_S)))
        keda = await stack.enter_async_context(run.keda())
        otlp = await stack.enter_async_context(
            connect(run.app.ports["otlp.protocols.grpc"], run.credentials)
        )
        connector = aiohttp.TCPConnector(ssl=files.client())
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))

        async def statuses() -> list[int]:
            answers = []
            for port, path in HTTP.items():
                url = f"https://localhost:{run.app.ports[port]}{path}"
                async with session.get(url) as answer:
                    answers.append(answer.status)
            return answers

        async def expiries() -> set[str]:
            return {
                await seen_expiry(run.app.ports[port], files.client(), protocol_of(port))
                for port in BLOCKS
            }

        subscription = keda.stream_metric_spec()
        await subscription.read()
        first = (await otlp.unary_unary(EXPORT)(b""), await keda.spec(), await statuses())
        before = await expiries()
        files.rotate()
        await run.at((NOW_S + 20) * 1000)
        after = await expiries()
        await sidecar.report(request(ci("a", at=NOW_S + 20)), (NOW_S + 20) * 1000)
        second = (await otlp.unary_unary(EXPORT)(b""), await keda.spec(), await statuses())
        page = run.page()
        assert not subscription.done()
        subscription.cancel()
    assert first == second
    assert first[2] == [405, 200, 200, 200, 200]
    assert (before, after) == ({"Jan  2 00:00:00 2090 GMT"}, {"Jan  3 00:00:00 2090 GMT"})
    assert page['tallyd_certificate_reloads_total{result="success"}'] == len(BLOCKS)
    gauge = "tallyd_certificate_expiry_timestamp_seconds"
    assert {page[f'{gauge}{{component="{block}"}}'] for block in BLOCKS.values()} == {
        files.expires.timestamp()
    }


async def test_clients_without_a_certificate(files: Files) -> None:
    """With `client_ca_file` every port turns away who shows none, or another authority's, and serves the others."""
    text = locked(files.settings(**files.client_ca))
    async with running_app(text, at_ms=NOW_S * 1000) as run:
        for name in BLOCKS:
            port, protocol = run.app.ports[name], protocol_of(name)
            stranger = files.client()
            trustme.CA().issue_cert("client").configure_cert(stranger)
            assert await seen_expiry(port, files.client(certificate=True), protocol), name
            for client in (files.client(), stranger):
                with pytest.raises((ssl.SSLError, ConnectionResetError, BrokenPipeError)):
                    await seen_expiry(port, client, protocol)


async def test_plain_text_to_a_port_with_tls(files: Files) -> None:
    """Who speaks plain text, or bytes that mean nothing, is not served, and costs nothing but the connection."""
    async with running_app(locked(files.settings()), at_ms=NOW_S * 1000) as run:
        for name in BLOCKS:
            port = run.app.ports[name]
            for spoken in (b"GET /metrics HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff", b"\0" * 600):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(spoken)
                writer.write_eof()
                answer = b""
                with suppress(ConnectionResetError):
                    answer = await asyncio.wait_for(reader.read(), 10)
                writer.close()
                assert b"HTTP/1.1 2" not in answer
            assert await seen_expiry(port, files.client(), protocol_of(name))


@pytest.mark.parametrize(
    ("headers", "served"),
    [
        pytest.param(TOKEN, True, id="right"),
        pytest.param({}, False, id="none"),
        pytest.param({"Authorization": "Bearer other"}, False, id="wrong"),
        pytest.param({"Authorization": "Basic czNjcmV0"}, False, id="another scheme"),
        pytest.param({"X-Forwarded-For": "127.0.0.1"}, False, id="claims to be local"),
    ],
)
async def test_bearer_tokens(headers: dict[str, str], served: bool) -> None:
    """Every port with `auth` serves who shows the token; others get 401 and are told how, and nothing is read."""
    body = b"\xff not protobuf"
    async with (
        running_app(locked(None, "bearertokenauth"), at_ms=NOW_S * 1000) as run,
        aiohttp.ClientSession(headers=headers) as session,
        connect(run.app.ports["otlp.protocols.grpc"]) as channel,
    ):

        async def ask(port: str, path: str, **options: Any) -> tuple[int, Mapping[str, str]]:
            url = f"http://127.0.0.1:{run.app.ports[port]}{path}"
            method = "POST" if "data" in options else "GET"
            async with session.request(method, url, **options) as answer:
                await answer.read()
                return answer.status, answer.headers

        protobuf = {"Content-Type": "application/x-protobuf"}
        with structlog.testing.capture_logs() as logs:
            otlp = await ask("otlp.protocols.http", "/v1/metrics", data=body, headers=protobuf)
            write = await ask("http_api", "/api/v1/write", data=body, headers=protobuf)
            others = [
                await ask("http_api", "/api/v1/query?query=1"),
                await ask("http_api", "//api/v1//query/?query=1"),
                await ask("http_api", "/api/v1/status/config"),
                await ask("telemetry", "/metrics"),
                await ask("prometheus", "/metrics"),
            ]
            probes = [await ask("http_api", path) for path in ("/-/healthy", "/-/ready")]
            health, _ = await ask("health_check", "/readyz")
            metadata = [(name.lower(), value) for name, value in headers.items()]
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await channel.unary_unary(EXPORT)(body, metadata=metadata)
        page = run.page()
    assert ([status for status, _ in probes], health) == ([200, 200], 200)
    malformed = [
        page.get(f'tallyd_receiver_rejected_requests_total{{reason="malformed",{labels}}}', 0)
        for labels in (
            'receiver="otlp",transport="http"',
            'receiver="otlp",transport="grpc"',
        )
    ]
    turned_away = [one for one in logs if one["event"] == "refused for its credentials"]
    if served:
        codes = (otlp[0], write[0], refused.value.code())
        assert codes == (400, 400, grpc.StatusCode.INVALID_ARGUMENT)
        assert {status for status, _ in others} == {200}
        assert (malformed, turned_away) == ([1, 1], [])
        return
    assert {status for status, _ in (otlp, write, *others)} == {401}
    assert {had["WWW-Authenticate"] for _, had in (otlp, write, *others)} == {"Bearer"}
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert malformed == [0, 0]
    refusals = {
        name: page[f'tallyd_unauthenticated_total{{component="{BLOCKS[name]}"}}']
        for name in ("otlp.protocols.http", "otlp.protocols.grpc", "http_api", "telemetry")
    }
    assert list(refusals.values()) == [1, 1, 4, 1]
    assert len(turned_away) == 5  # once for each port


async def test_what_otlp_senders_are_told() -> None:
    """The body of a 401 is a google.rpc.Status in the request's encoding, whatever the path."""
    async with (
        running_app(locked(None, "bearertokenauth"), at_ms=NOW_S * 1000) as run,
        aiohttp.ClientSession() as session,
    ):
        base = f"http://127.0.0.1:{run.app.ports['otlp.protocols.http']}"
        async with session.post(f"{base}/v1/metrics", json={}) as answer:
            told = await answer.json()
        async with session.post(f"{base}/v1/traces", data=b"") as other:
            traces = other.status, other.content_type
    assert (told["code"], "authorization" in told["message"]) == (16, True)
    assert traces == (401, "application/x-protobuf")


async def test_basic_users(tmp_path: Path) -> None:
    """`basicauth` asks for a user and a password."""
    from passlib.hash import bcrypt

    users = tmp_path / "users"
    users.write_text(f"ann:{bcrypt.using(rounds=4).hash('pw')}\n")
    config = yaml.safe_load(locked(None, "basicauth/x"))
    config["extensions"]["basicauth/x"] = {"htpasswd": {"file": str(users)}}
    async with (
        running_app(yaml.safe_dump(config), at_ms=NOW_S * 1000) as run,
        aiohttp.ClientSession() as session,
    ):
        url = f"http://127.0.0.1:{run.app.ports['telemetry']}/metrics"
        statuses = []
        for shown in ("", "ann:no", "ann:pw"):
            encoded = base64.b64encode(shown.encode()).decode()
            headers = {"Authorization": f"Basic {encoded}"} if shown else {}
            async with session.get(url, headers=headers) as answer:
                statuses.append((answer.status, answer.headers.get("WWW-Authenticate")))
    refused = (401, 'Basic realm="tallyd"')
    assert statuses == [refused, refused, (200, None)]


async def test_secrets_are_not_shown() -> None:
    """The running configuration names the extension, not its token."""
    async with (
        running_app(locked(None, "bearertokenauth"), at_ms=NOW_S * 1000) as run,
        aiohttp.ClientSession(headers=TOKEN) as session,
        session.get(f"http://127.0.0.1:{run.app.ports['http_api']}/api/v1/status/config") as answer,
    ):
        shown = await answer.text()
    assert "bearertokenauth" in shown
    assert "s3cret" not in shown


def own_address() -> str:
    """Return an address of this machine that is not loopback's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("no network but loopback")
        return str(probe.getsockname()[0])


@pytest.mark.parametrize("claim", ["X-Forwarded-For", "X-Real-IP", "Forwarded"])
async def test_a_client_cannot_claim_to_be_local(claim: str) -> None:
    """What changes the process is decided by the connection's own address, whatever headers say."""
    config = yaml.safe_load(on_loopback(""))
    config["extensions"]["http_api"]["endpoint"] = "0.0.0.0:0"
    loaded = load_checked(yaml.safe_dump(config), {})
    app = App(loaded, read=lambda: loaded)
    await app.start()
    try:
        statuses = []
        for host, headers in (
            (own_address(), {claim: "127.0.0.1"}),
            ("127.0.0.1", {claim: "10.0.0.9"}),
        ):
            for path in ("/-/reload", "/-/log-level?level=info"):
                url = f"http://{host}:{app.ports['http_api']}{path}"
                async with (
                    aiohttp.ClientSession(headers=headers) as session,
                    session.post(url) as answer,
                ):
                    statuses.append(answer.status)
    finally:
        await app.stop()
    assert statuses == [403, 403, 200, 200]


async def test_doctor_warns_of_certificates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of one that expires within a week, and of files that changed and cannot be read; through TLS and a token."""
    files = Files(tmp_path)
    (tmp_path / "token").write_text("s3cret\n")
    (tmp_path / "ca.pem").write_bytes(files.authority.cert_pem.bytes())
    at_ms = int(files.expires.timestamp() * 1000) - 3 * 86_400_000
    text = locked(files.settings(), "bearertokenauth")
    with structlog.testing.capture_logs():
        async with running_app(text, at_ms=at_ms) as run:
            (files.link / "tls.key").write_text("?")
            await run.at(at_ms + 20_000)
            url = f"https://localhost:{run.app.ports['http_api']}"
            options = ["--token-file", f"{tmp_path}/token", "--ca-file", f"{tmp_path}/ca.pem"]
            await asyncio.to_thread(main, ["doctor", "--json", "--url", url, *options])
            found = [one["what"] for one in json.loads(capsys.readouterr().out)]
            await asyncio.to_thread(main, ["query", "--url", url, "--insecure", "vector(1)"])
            without_token = capsys.readouterr().err
            await asyncio.to_thread(main, ["query", "--url", url, "vector(1)"])
            without_ca = capsys.readouterr().err
            header = ["--insecure", "--header", "Authorization: Bearer s3cret"]
            code = await asyncio.to_thread(main, ["query", "--url", url, *header, "vector(1)"])
            await ask_scaler(run, tmp_path, capsys)
    assert "the certificate of extensions.http_api expires in 3.0 days" in found
    assert sum("cannot be read, the old one stays: extensions.http_api.tls" in one for one in found)
    assert "--token-file" in without_token
    assert "--ca-file" in without_ca
    assert code == 0


async def ask_scaler(run: RunningApp, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`explain --ask` speaks TLS with --ca-file."""
    capsys.readouterr()
    address = f"localhost:{run.app.ports['keda_scaler']}"
    arguments = ["explain", "--ask", address, "--ca-file", f"{folder}/ca.pem", "sum(x)"]
    await asyncio.to_thread(main, arguments)
    assert "NOT_FOUND" in capsys.readouterr().out


async def test_locks_need_a_restart(files: Files) -> None:
    """Other settings of TLS and credentials are named by a reload, and wait for a restart."""
    async with running_app(locked(files.settings()), at_ms=NOW_S * 1000) as run:
        again = await run.reload(locked(files.settings(min_version="1.2", reload_interval="1s")))
        other = await run.reload(locked(files.settings(), "bearertokenauth"))
    assert "receivers.otlp.protocols.grpc.tls.reload_interval" in again.restart_needed
    assert "extensions.http_api.auth" in other.restart_needed
    assert "extensions.bearertokenauth" in other.restart_needed
    assert "service.telemetry.metrics" in other.restart_needed


async def test_an_exporter_that_goes_takes_its_certificate_along(files: Files) -> None:
    """Of a page that a reload takes away no expiry is shown any more; one that comes has its lock at once."""
    gauge = 'tallyd_certificate_expiry_timestamp_seconds{component="exporters.prometheus"}'
    page = {"prometheus": {"endpoint": "127.0.0.1:0", "tls": files.settings()}}
    windows: dict[str, Any] = {"windows": None}
    with_page = yaml.safe_dump({"exporters": {**windows, **page}})
    without = yaml.safe_dump({"exporters": windows})
    shown = []
    async with running_app(without, at_ms=NOW_S * 1000) as run:
        for text in (with_page, without, with_page):
            outcome = await run.reload(text)
            assert (outcome.problem, outcome.restart_needed) == ("", [])
            shown.append(gauge in run.page())
        assert await seen_expiry(run.app.ports["prometheus"], files.client(), "http/1.1")
    assert shown == [True, False, True]


def port_of_scaler(lines: Iterable[str]) -> int:
    """Return the port that the log names."""
    logged = (json.loads(line) for line in lines)
    return int(next(one["port"] for one in logged if one.get("component") == "keda_scaler"))


async def test_cipher_suites_of_grpc_ports(files: Files, tmp_path: Path) -> None:
    """The suites of the file are those that a gRPC port takes, in a process of its own."""
    suites = {
        "cipher_suites": [
            "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        ]
    }
    config = {
        "extensions": {"keda_scaler": {"endpoint": "127.0.0.1:0", "tls": files.settings(**suites)}},
        "receivers": {"opencensus": {"endpoint": "127.0.0.1:0"}},
        "service": {"telemetry": {"metrics": {"level": "none"}}},
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    process = subprocess.Popen(
        [sys.executable, "-m", "daemon", "run", "--config", str(path)],
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr is not None
        port = await asyncio.to_thread(port_of_scaler, process.stderr)

        def client(ciphers: str) -> ssl.SSLContext:
            context = files.client()
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(ciphers)
            return context

        good = await seen_expiry(port, client("ECDHE+AES256"), "h2")
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            await seen_expiry(port, client("ECDHE+AES128"), "h2")
        process.terminate()
        process.communicate()
    assert good
    assert process.returncode == 0
