"""A restart with a snapshot, through the whole daemon and as a process that is killed (keda.md 4.4, 6.6 T7)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from pathlib import Path

import pytest
import structlog
import yaml

from tests.integration.test_process import process, reporting
from tests.support.keda_client import KedaClient
from tests.support.opencensus_messages import ci, node, request
from tests.support.running_app import RunningApp, Sidecar, connect, on_loopback, running_app

pytestmark = pytest.mark.integration

NOW_S = 1_730_500_000
METADATA = {"metricQuery": "sum(m)", "operationOverTime": "rate", "targetValue": "1"}


def kept(path: Path, **more: object) -> str:
    """Return a configuration with a snapshot."""
    extensions = dict.fromkeys(("keda_scaler", "http_api", "health_check"))
    return yaml.safe_dump({"extensions": {**extensions, "snapshot": {"path": str(path)}}, **more})


async def steady(run: RunningApp, sidecar: Sidecar, first_s: int, last_s: int) -> None:
    """Report a counter that grows by one a second, every 20 s."""
    for at_s in range(first_s, last_s + 1, 20):
        report = request(ci("m", at=NOW_S + at_s, value=at_s))
        await sidecar.report(report, (NOW_S + at_s + 2) * 1000)


async def test_a_restart_costs_no_answer(tmp_path: Path) -> None:
    """The next answer is the one before; it is right at the sidecar's first new report; nothing settles."""
    config = kept(tmp_path / "snapshot")
    hello = request(node=node())
    async with (
        running_app(config, at_ms=NOW_S * 1000, settle_for="65s") as run,
        run.sidecar(hello) as sidecar,
        run.keda(METADATA) as keda,
    ):
        await steady(run, sidecar, 20, 120)
        before = await keda.outcome()
    async with (
        running_app(config, at_ms=(NOW_S + 130) * 1000, settle_for="65s") as run,
        run.keda(METADATA) as keda,
    ):
        after = await keda.outcome()
        async with run.sidecar(hello) as sidecar:
            await steady(run, sidecar, 140, 140)
            right = await keda.outcome()
    assert (before, after, right) == (1.0, 1.0, 1.0)


async def test_without_a_snapshot_answers_wait(tmp_path: Path) -> None:
    """The first start has none: KEDA waits until senders must have come back."""
    async with (
        running_app(kept(tmp_path / "snapshot"), at_ms=NOW_S * 1000, settle_for="65s") as run,
        run.keda(METADATA) as keda,
    ):
        assert await keda.outcome() == "UNAVAILABLE"


async def test_an_old_snapshot_settles(tmp_path: Path) -> None:
    """Away for longer than a window: who has come back is not known, so answers wait, and none of an hour ago is repeated."""
    config = kept(tmp_path / "snapshot")
    async with (
        running_app(config, at_ms=NOW_S * 1000, settle_for="65s") as run,
        run.sidecar(request(node=node())) as sidecar,
    ):
        await steady(run, sidecar, 20, 120)
    async with (
        running_app(config, at_ms=(NOW_S + 3600) * 1000, settle_for="65s") as run,
        run.keda(METADATA) as keda,
    ):
        assert (await keda.outcome(), run.app.store.series_count) == ("UNAVAILABLE", 0)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(lambda whole: whole[:-3], "cut off", id="cut off"),
        pytest.param(lambda whole: b"PK" + whole, "expected it to begin", id="foreign"),
        pytest.param(lambda whole: whole[:60] + b"?" + whole[61:], "checksum", id="changed"),
        pytest.param(lambda whole: whole, "later than now", id="from the future"),
    ],
)
async def test_a_snapshot_that_cannot_be_used(tmp_path: Path, spoil: object, reason: str) -> None:
    """It is set aside with a warning that says why, and tallyd starts as without one."""
    path = tmp_path / "snapshot"
    async with (
        running_app(kept(path), at_ms=NOW_S * 1000) as run,
        run.sidecar(request(node=node())) as sidecar,
    ):
        await steady(run, sidecar, 20, 60)
    assert callable(spoil)
    path.write_bytes(spoil(path.read_bytes()))
    spoilt = path.read_bytes()
    with structlog.testing.capture_logs() as lines:
        async with running_app(kept(path), at_ms=(NOW_S - 60) * 1000) as run:
            series = run.app.store.series_count
    [told] = [line for line in lines if line["event"] == "snapshot set aside"]
    assert reason in told["reason"]
    assert (series, Path(told["aside"]).read_bytes()) == (0, spoilt)


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """It is an error at start that names the setting."""
    with pytest.raises(OSError, match=r"extensions\.snapshot\.path"):
        async with running_app(kept(tmp_path / "none" / "snapshot"), at_ms=0):
            pass


async def test_a_disk_that_is_full_costs_no_answer(tmp_path: Path) -> None:
    """Writing fails, is counted and logged once; when it works again, that is logged too."""
    folder = tmp_path / "kept"
    folder.mkdir()
    moved = tmp_path / "moved"
    with structlog.testing.capture_logs() as lines:
        async with running_app(kept(folder / "snapshot"), at_ms=NOW_S * 1000) as run:
            results = 'tallyd_snapshots_total{result="%s"}'

            async def write(result: str) -> None:
                """Let intervals pass until a write has ended so."""
                before = run.page().get(results % result, 0)
                for _ in range(1000):
                    await run.at(run.time.clock() + 10_000)
                    await asyncio.sleep(0.001)
                    if run.page().get(results % result, 0) > before:
                        return
                raise AssertionError("no such write")

            await write("success")
            folder.rename(moved)
            await write("failure")
            await write("failure")
            moved.rename(folder)
            await write("success")
    told = [line["event"] for line in lines if line["event"].startswith("snapshot ")]
    assert told == ["snapshot cannot be written", "snapshot is written again"]


async def test_kill_and_restart(tmp_path: Path) -> None:
    """After kill -9 a new process answers KEDA with what the last snapshot knew, at once."""
    path = tmp_path / "tallyd.yaml"
    extensions = {**dict.fromkeys(("keda_scaler", "http_api", "health_check"))}
    snapshot = {"path": str(tmp_path / "snapshot"), "interval": "1s"}
    text = yaml.safe_dump({"extensions": {**extensions, "snapshot": snapshot}})
    path.write_text(on_loopback(text))
    metadata = {"metricQuery": "sum(m)", "targetValue": "1"}

    async def ask(port: int) -> float | str:
        async with connect(port) as channel:
            return await KedaClient(channel, metadata).outcome()

    with process(path) as tally:
        async with reporting(tally.ports["opencensus"]):
            await asyncio.to_thread(_until_kept, tmp_path / "snapshot", b'"m"')
        os.kill(tally.popen.pid, signal.SIGKILL)
        await asyncio.to_thread(tally.popen.wait, 10)
    with process(path) as tally:
        answer = await ask(tally.ports["keda_scaler"])
        page = tally.get("telemetry", "/metrics")
        ready = json.loads(tally.get("health_check", "/readyz"))["status"]
    assert isinstance(answer, float)
    assert ("tallyd_settling 0.0" in page, ready) == (True, "ready")


def _until_kept(path: Path, part: bytes) -> None:
    """Wait until the snapshot holds `part`."""
    deadline = time.monotonic() + 20
    while not (path.exists() and part in path.read_bytes()):
        assert time.monotonic() < deadline, "no snapshot was written"
        time.sleep(0.02)
