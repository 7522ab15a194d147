"""`tallyd explain --ask` against the real scaler."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from daemon.cli import main
from daemon.clock import VirtualTime
from daemon.config.load import load_config
from daemon.demo.show import running
from daemon.explain import running as explain_running
from daemon.explain.running import NotRunningError, ask_running
from daemon.recording import WALK_THROUGH

pytestmark = pytest.mark.integration

UNKNOWN = (
    "NOT_FOUND: no sender has reported a metric nope yet: check the name, and that no filter drops it "
    "(ifNotFound: value answers a number instead)"
)


@pytest.mark.parametrize(
    ("metadata", "answers", "is_value"),
    [
        (
            {"metricQuery": "nope", "targetValue": "2.5"},
            (
                "GetMetricSpec  target 2.5 (targetSize 3, targetSizeFloat 2.5)",
                f"GetMetrics     {UNKNOWN}",
                "IsActive       the same",
            ),
            False,
        ),
        (
            {
                "metricQuery": "nope",
                "targetValue": "1",
                "ifNotFound": "value",
                "valueIfNotFound": "0.25",
            },
            (
                "GetMetricSpec  target 1 (targetSize 1, targetSizeFloat 1)",
                "GetMetrics     0.25 (metricValue 0, metricValueFloat 0.25)",
                "IsActive       active",
            ),
            True,
        ),
    ],
    ids=["error", "value"],
)
async def test_answers(
    metadata: Mapping[str, str], answers: tuple[str, ...], is_value: bool
) -> None:
    """What is printed is what KEDA's three questions are answered with."""
    time = VirtualTime(1_900_000_000_000)
    loaded = load_config("exporters: {windows: {settle_for: 0s}}", {})
    async with running(loaded, time) as (_, ports):
        address = f"127.0.0.1:{ports.scaler}"
        told = await ask_running(address, metadata)
    assert (told.lines[0], told.lines[-4], told.is_value) == (
        f"asked {address} as KEDA would",
        "answers",
        is_value,
    )
    assert tuple(line.strip() for line in told.lines[-3:]) == answers


@pytest.mark.parametrize(("check", "expected"), [((), 0), (("--check",), 1)])
async def test_exit_code(
    check: tuple[str, ...], expected: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error for KEDA fails only under `--check`; each line names the metadata that was sent."""
    time = VirtualTime(1_900_000_000_000)
    async with running(load_config(None, {}), time) as (_, ports):
        argv = ["explain", "--ask", f"127.0.0.1:{ports.scaler}", *check]
        code = await asyncio.to_thread(main, argv)
    out, err = capsys.readouterr()
    assert (code, err, "GetMetrics     UNAVAILABLE: settling after the start" in out) == (
        expected,
        "",
        True,
    )
    assert all(f"  {key}" in out for key in WALK_THROUGH)


async def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address where nobody listens is said, not waited for."""
    monkeypatch.setattr(explain_running, "CONNECT_S", 0.2)
    with pytest.raises(
        NotRunningError, match=r"no tallyd at 127.0.0.1:1: no connection within 0.2 s"
    ):
        await ask_running("127.0.0.1:1", WALK_THROUGH)
