"""The process as an operator meets it: start, errors at start, signals."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.support.golden import METRICS_EXPORT
from tests.support.keda_client import WALKTHROUGH, KedaClient
from tests.support.opencensus_messages import ci, node, request
from tests.support.running_app import WALKTHROUGH_FILTER, connect, on_loopback

pytestmark = pytest.mark.integration

UNIT_S = 10.0
COMPONENTS = {
    "opencensus",
    "otlp.protocols.grpc",
    "otlp.protocols.http",
    "keda_scaler",
    "http_api",
    "health_check",
    "telemetry",
}


@dataclass
class Process:
    """A tallyd that listens."""

    popen: subprocess.Popen[str]
    ports: dict[str, int]
    lines: list[dict[str, Any]]
    """What it logged until it was ready."""

    def get(self, component: str, path: str) -> str:
        """Return the page at `path` of a component's port."""
        url = f"http://127.0.0.1:{self.ports[component]}{path}"
        with urllib.request.urlopen(url, timeout=UNIT_S) as answer:
            return str(answer.read().decode())


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "daemon", *args]


def tallyd(*args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        command(*args), capture_output=True, text=True, timeout=60, check=False, cwd=cwd
    )


@contextmanager
def process(config: Path) -> Iterator[Process]:
    """Start `tallyd run`, wait until it is ready, end it."""
    with subprocess.Popen(
        command("run", "--config", str(config)), stderr=subprocess.PIPE, text=True
    ) as popen:
        ports: dict[str, int] = {}
        lines: list[dict[str, Any]] = []
        assert popen.stderr is not None
        try:
            for line in popen.stderr:
                event = json.loads(line)
                lines.append(event)
                if event["message"] == "listening":
                    ports[event["component"]] = event["port"]
                elif event["message"] == "ready":
                    break
            yield Process(popen, ports, lines)
        finally:
            if popen.poll() is None:
                popen.kill()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The walk-through's fragment on free ports of loopback."""
    path = tmp_path / "tallyd.yaml"
    path.write_text(on_loopback(WALKTHROUGH_FILTER))
    return path


@asynccontextmanager
async def reporting(port: int) -> AsyncIterator[Any]:
    """Connect a sidecar that has sent one report."""
    async with connect(port) as channel:
        call = channel.stream_stream(METRICS_EXPORT)()
        await call.write(request(node=node()))
        await call.write(request(ci("m", at=time.time())))
        yield call


def test_everything_listens_and_says_so(config: Path) -> None:
    """Each component's port is in the log; health, readiness and self-metrics answer over HTTP."""
    with process(config) as tally:
        assert set(tally.ports) == COMPONENTS
        assert json.loads(tally.get("health_check", "/healthz")) == {"status": "alive"}
        assert json.loads(tally.get("health_check", "/readyz")) == {"status": "ready"}
        page = tally.get("telemetry", "/metrics")
        assert "tallyd_build_info{" in page
        assert "tallyd_windows_stored_total 0.0" in page


def test_the_log_of_a_start(config: Path) -> None:
    """The first line tells what starts from which file, the last but one until when answers are held back."""
    before_s = time.time()
    with process(config) as tally:
        first, *_, settling, ready = tally.lines
    assert (first["message"], first["version"], first["config"]) == (
        "starting",
        version("tallyd"),
        str(config),
    )
    assert (settling["message"], ready["message"]) == ("settling", "ready")
    until_s = datetime.fromisoformat(settling["until"]).timestamp()
    assert 64 <= until_s - before_s <= 65 + UNIT_S


async def test_sigterm_ends_streams_with_ok_and_the_process_within_two_seconds(
    config: Path,
) -> None:
    """SIGTERM: a sidecar's stream and KEDA's stream end with OK, the process exits with 0 in time."""
    with process(config) as tally:
        async with (
            reporting(tally.ports["opencensus"]) as sidecar,
            connect(tally.ports["keda_scaler"]) as channel,
        ):
            push = KedaClient(channel, WALKTHROUGH).stream_is_active()
            await asyncio.sleep(0.1)  # the subscription is open before the signal comes
            began = time.monotonic()
            tally.popen.send_signal(signal.SIGTERM)
            codes = await asyncio.wait_for(asyncio.gather(sidecar.code(), push.code()), UNIT_S)
            code = await asyncio.to_thread(tally.popen.wait, UNIT_S)
            took_s = time.monotonic() - began
    assert list(codes) == [grpc.StatusCode.OK, grpc.StatusCode.OK]
    assert code == 0
    assert took_s < 2.0


async def test_whoever_reads_the_log_may_go_away(config: Path) -> None:
    """Nobody reads the log any more: questions are answered as before, and the process ends with 0."""
    with process(config) as tally:
        assert tally.popen.stderr is not None
        tally.popen.stderr.close()
        async with connect(tally.ports["keda_scaler"]) as channel:
            outcomes = [
                await asyncio.wait_for(
                    KedaClient(channel, WALKTHROUGH, name=name).outcome(), UNIT_S
                )
                for name in ("one", "two")
            ]
        page = tally.get("telemetry", "/metrics")
        tally.popen.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(tally.popen.wait, UNIT_S)
    assert (outcomes, code) == (["UNAVAILABLE", "UNAVAILABLE"], 0)
    assert "tallyd_log_lost_lines_total 2.0" in page


def test_standard_error_may_be_closed(config: Path) -> None:
    """Started without standard error it runs, and SIGTERM ends it with 0."""
    line = "exec " + shlex.join(command("run", "--config", str(config))) + " 2>&-"
    with subprocess.Popen(["/bin/sh", "-c", line]) as popen:
        deadline = time.monotonic() + UNIT_S
        while not _handles(popen.pid, signal.SIGTERM):
            assert popen.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        popen.terminate()
        assert popen.wait(UNIT_S) == 0


def _handles(pid: int, number: signal.Signals) -> bool:
    """Return whether a process has a handler for a signal, as the kernel tells."""
    status = Path(f"/proc/{pid}/status").read_text()
    [caught] = re.findall(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return bool(int(caught, 16) >> (number - 1) & 1)


def test_sighup_reads_the_configuration_again(config: Path) -> None:
    """SIGHUP takes over what the file says now; what is wrong with it is told in full and changes nothing."""
    with process(config) as tally:
        assert tally.popen.stderr is not None
        tally.popen.send_signal(signal.SIGHUP)
        assert "configuration reloaded" in tally.popen.stderr.readline()
        config.write_text("receivers: {opencensus: {endpiont: x}}")
        tally.popen.send_signal(signal.SIGHUP)
        failed = json.loads(tally.popen.stderr.readline())
        readyz = json.loads(tally.get("health_check", "/readyz"))
        page = tally.get("telemetry", "/metrics")
    assert failed["message"] == "reload failed, the old configuration stays"
    assert f"{config}:1:" in failed["error"]
    assert "did you mean 'endpoint'?" in failed["error"]
    assert readyz["status"] == "ready"
    assert failed["error"] in readyz["details"]["reload"]
    assert "tallyd_config_last_reload_successful 0.0" in page
    assert 'tallyd_config_reloads_total{result="success"} 1.0' in page


def test_sigterm_while_it_waits_for_a_port(tmp_path: Path) -> None:
    """A port that is taken is tried for seconds; SIGTERM does not wait for that, and is a clean end."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        path = tmp_path / "tallyd.yaml"
        port = taken.getsockname()[1]
        text = on_loopback("").replace(
            "  opencensus:\n    endpoint: 127.0.0.1:0",
            f"  opencensus:\n    endpoint: 127.0.0.1:{port}",
        )
        path.write_text(text)
        with subprocess.Popen(
            command("run", "--config", str(path)), stderr=subprocess.PIPE, text=True
        ) as popen:
            assert popen.stderr is not None
            for line in popen.stderr:
                if json.loads(line).get("component") == "telemetry":
                    break
            began = time.monotonic()
            popen.terminate()
            code = popen.wait(UNIT_S)
    assert code == 0
    assert time.monotonic() - began < 2.0


def test_sigint_ends_it_as_well(config: Path) -> None:
    """Ctrl-C is a clean end."""
    with process(config) as tally:
        tally.popen.send_signal(signal.SIGINT)
        assert tally.popen.wait(UNIT_S) == 0


def test_a_query_that_runs_does_not_delay_the_end(config: Path) -> None:
    """A query of minutes is given up at SIGTERM, within two seconds."""
    query = "sum_over_time(quantile_over_time(0.5,vector(1)[1d:1s])[1d:1s])"
    with (
        process(config) as tally,
        socket.create_connection(("127.0.0.1", tally.ports["http_api"]), UNIT_S) as asking,
    ):
        asking.sendall(f"GET /api/v1/query?query={query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        time.sleep(0.3)  # the worker thread is at it before the signal comes
        began = time.monotonic()
        tally.popen.send_signal(signal.SIGTERM)
        code = tally.popen.wait(UNIT_S)
        took_s = time.monotonic() - began
    assert (code, took_s < 2.0) == (0, True)


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """Exit code 1, and the text names the component's address and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path = tmp_path / "tallyd.yaml"
        text = on_loopback(WALKTHROUGH_FILTER).replace(
            "  keda_scaler:\n    endpoint: 127.0.0.1:0",
            f"  keda_scaler:\n    endpoint: 127.0.0.1:{port}",
        )
        path.write_text(text)
        done = tallyd("run", "--config", str(path))
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in last


FIVE_MISTAKES = """\
receivers:
  opencensus:
    endpoint: 55678
processors:
  filter:
    error_mode: sometimes
  filter/other:
    metrics:
      metric:
        - 'nmae == "x"'
exporters:
  windows: {retentoin: 5m}
service:
  pipelines:
    metrics:
      processors: [filter, batch]
"""


def test_a_configuration_with_five_mistakes(tmp_path: Path) -> None:
    """All five are told at once with line and column, exit code 2, and no socket was opened."""
    path = tmp_path / "bad.yaml"
    path.write_text(FIVE_MISTAKES)
    done = tallyd("run", "--config", str(path))
    assert done.returncode == 2
    assert "listening" not in done.stderr
    places = [line.removeprefix(f"{path}:").split(": ")[0] for line in done.stderr.splitlines()]
    assert [place for place in places if place[0].isdigit()] == [
        "3:15",
        "6:17",
        "10:12",
        "12:13",
        "16:28",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(None, "cannot be read", id="not there"),
        pytest.param(b"a: [1, 2", "expected", id="not YAML"),
        pytest.param(b"\xff\xfe\x00", "expected UTF-8", id="not text"),
        pytest.param(b"- a\n- b\n", "expected a mapping", id="a list"),
    ],
)
def test_a_file_that_is_no_configuration(
    tmp_path: Path, content: bytes | None, expected: str
) -> None:
    """Exit code 2 and a line that names the file."""
    path = tmp_path / "bad.yaml"
    if content is not None:
        path.write_bytes(content)
    done = tallyd("validate", "--config", str(path))
    assert done.returncode == 2
    assert done.stderr.startswith(f"{path}:")
    assert expected in done.stderr


def test_validate_and_version_from_any_folder(config: Path, tmp_path: Path) -> None:
    """The command works from any folder; a good file is told to be good."""
    tallyd_script = Path(sys.executable).parent / "tallyd"
    shown = subprocess.run(
        [tallyd_script, "validate", "--config", config.name],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=True,
    )
    assert shown.stdout.splitlines()[0] == f"{config.name}: good"


@pytest.mark.parametrize("name", ["run", "validate", "explain", "demo"])
def test_every_command_explains_itself(name: str) -> None:
    """`--help` of each command succeeds and names its `--config`."""
    done = tallyd(name, "--help")
    assert done.returncode == 0
    assert "--config FILE" in done.stdout


def test_a_second_signal_forces(config: Path) -> None:
    """Whoever cannot wait sends a second signal."""
    with process(config) as tally:
        with contextlib.suppress(ProcessLookupError):
            for _ in range(2):
                os.kill(tally.popen.pid, signal.SIGTERM)
        assert tally.popen.wait(UNIT_S) in {0, 1}


def test_a_reader_that_has_seen_enough() -> None:
    """`tallyd explain | head -1` ends without a word of its own."""
    with subprocess.Popen(
        command("explain"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as popen:
        assert popen.stdout is not None
        assert popen.stderr is not None
        popen.stdout.close()
        assert popen.stderr.read() == ""
        assert popen.wait(UNIT_S) == 1
