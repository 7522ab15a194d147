"""Senders that others wrote push to a whole tallyd: Go's OpenCensus and OTLP exporters, Python's OpenCensus, Prometheus."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.test_otlp_senders import last_values
from tests.support.running_app import RunningApp, running_app

pytestmark = [pytest.mark.integration, pytest.mark.slow]

INTEROP = Path(__file__).parents[1] / "interop"
REPOSITORY = INTEROP.parents[1]
BUILD_S = 500
PATIENCE_S = 60.0
"""For processes that start on a busy machine."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture(scope="module")
def go_process(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go program of tests/interop, built; needs Go and its module proxy."""
    if shutil.which("go") is None:
        pytest.skip("go is not installed: no senders in Go")
    binary = tmp_path_factory.mktemp("interop") / "interop"
    command = ["go", "build", "-o", str(binary), "."]
    done = subprocess.run(
        command, cwd=INTEROP, capture_output=True, text=True, timeout=BUILD_S, check=False
    )
    if done.returncode and "dial tcp" in done.stderr:
        pytest.skip("Go's module proxy cannot be reached: no senders in Go")
    assert done.returncode == 0, done.stderr
    return binary


async def until_reported(run: RunningApp, metric: str) -> dict[str, float]:
    """Return what is stored as soon as `metric` is."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        values = last_values(run)
        if any(name.startswith(metric) for name in values):
            return values
        assert time.monotonic() < deadline, values
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def process(*command: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a process; at the end its standard input is closed, and it is given time to end."""
    started = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        cwd=REPOSITORY,
        env={**os.environ, **environment},
    )
    try:
        yield started
        # An input of nothing closes it; None would not.
        _, said = await asyncio.wait_for(started.communicate(b""), PATIENCE_S)
        assert started.returncode == 0, said.decode()
    finally:
        if started.returncode is None:
            started.kill()
            await started.communicate()


@pytest.mark.parametrize("protocol", ["otlpgrpc", "otlphttp"])
async def test_go_otlp(go_process: Path, protocol: str) -> None:
    """The OTLP exporters of OpenTelemetry for Go, with gzip."""
    async with running_app(at_ms=now_ms()) as run:
        port = run.app.ports[f"otlp.protocols.{protocol.removeprefix('otlp')}"]
        async with process(str(go_process), protocol, f"127.0.0.1:{port}"):
            values = await until_reported(run, "go_requests")
    labels = "{app_id=a,service_instance_id=go-1}"
    assert values == {
        f"go_requests{labels}": 2.0,
        f"go_latency_count{labels}": 2.0,
        f"go_latency_sum{labels}": 33.0,
    }


async def test_go_opencensus(go_process: Path) -> None:
    """ocagent, the exporter inside daprd."""
    async with running_app(at_ms=now_ms()) as run:
        endpoint = f"127.0.0.1:{run.app.ports['opencensus']}"
        async with process(str(go_process), "ocagent", endpoint):
            await until_reported(run, "go_requests")
            values = await until_reported(run, "go_latency")
    assert {name.partition("{")[0]: value for name, value in values.items()} == {
        "go_requests": 2.0,
        "go_latency_count": 2.0,
        "go_latency_sum": 33.0,
    }


async def test_python_opencensus() -> None:
    """opencensus-ext-ocagent, OpenCensus' own exporter for Python."""
    async with running_app(at_ms=now_ms()) as run:
        endpoint = f"127.0.0.1:{run.app.ports['opencensus']}"
        command = (sys.executable, "-m", "tests.interop.opencensus_process", endpoint)
        async with process(*command, PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION="python"):
            values = await until_reported(run, "py_requests")
    assert values == {"py_requests{app_id=a,host_name=python-1}": 2.0}


async def test_prometheus(tmp_path: Path) -> None:
    """Prometheus as a remote writer: it scrapes tallyd's own self-metrics and writes them back."""
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        pytest.skip("prometheus is not installed: no real remote writer")
    text = "receivers: {prometheusremotewrite: }"
    async with running_app(text, at_ms=now_ms()) as run:
        write, scrape = run.app.ports["http_api"], run.app.ports["telemetry"]
        config = tmp_path / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"
            f"remote_write: [{{url: 'http://127.0.0.1:{write}/api/v1/write'}}]\n"
            f"scrape_configs: [{{job_name: tallyd, static_configs: [{{targets: ['127.0.0.1:{scrape}']}}]}}]\n"
        )
        command = (
            prometheus,
            f"--config.file={config}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            "--web.listen-address=127.0.0.1:0",
        )
        async with process(*command) as writer:
            values = await until_reported(run, "tallyd_build_info")
            writer.terminate()
    assert {1.0} == {value for name, value in values.items() if "tallyd_build_info" in name}
