"""A process under measurement: a real `tallyd run`, or a server to compare it with, and what the kernel says of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.request import urlopen

ROOT = Path(__file__).parents[2]
START_S = 30.0
"""How long a start may take on a busy machine."""
QUIET_S = 0.2
MOST_IDLE_S = 0.004
"""CPU time that a process without work takes in `QUIET_S`."""
MOST_LOG = 100_000

CONFIG = """
receivers: {opencensus: {endpoint: "127.0.0.1:0"}}
extensions: {keda_scaler: {endpoint: "127.0.0.1:0"}, health_check: {endpoint: "127.0.0.1:0"}}
exporters: {windows: {settle_for: 0s}}
"""
STORED = CONFIG + 'service: {telemetry: {metrics: {address: "127.0.0.1:0"}}}\n'
FILTERED = (
    CONFIG
    + """
processors:
  filter/dapr:
    error_mode: ignore
    metrics:
      metric:
        - |
          name != "runtime/service_invocation/req_recv_total"
          and instrumentation_scope.attributes["app_id"] != "nodeapp"
          and instrumentation_scope.attributes["src_app_id"] != "pythonapp"
service:
  telemetry: {metrics: {address: "127.0.0.1:0"}}
  pipelines: {metrics: {processors: [filter/dapr]}}
"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A running server."""

    pid: int
    ports: dict[str, int]
    ready_after_s: float

    def cpu_s(self) -> float:
        """Return user and system time so far, of all threads."""
        # The process's CPU clock as clock_getcpuclockid(3) names it: nanoseconds, where /proc has ticks of 10 ms.
        return time.clock_gettime(~self.pid << 3 | 2)

    def until_quiet(self) -> None:
        """Wait until what was sent is dealt with."""
        busy_s = -1.0
        while (now_s := self.cpu_s()) > busy_s + MOST_IDLE_S:
            busy_s = now_s
            time.sleep(QUIET_S)

    def until_busy(self) -> None:
        """Wait until it works without pause."""
        before_s = self.cpu_s()
        time.sleep(QUIET_S)
        while (now_s := self.cpu_s()) < before_s + QUIET_S / 2:
            before_s = now_s
            time.sleep(QUIET_S)

    def metric(self, name: str) -> float:
        """Return the value of one of tallyd's own metrics that has no labels."""
        with urlopen(f"http://127.0.0.1:{self.ports['telemetry']}/metrics") as page:
            [line] = [
                line for line in page.read().decode().splitlines() if line.startswith(f"{name} ")
            ]
        return float(line.split()[1])

    def rss_mib(self) -> float:
        """Return resident memory, shared libraries included."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        [resident] = [line for line in lines if line.startswith("VmRSS")]
        return int(resident.split()[1]) / 1024


@contextmanager
def tallyd(config: str, folder: Path) -> Iterator[Process]:
    """Run tallyd with this configuration until the block ends."""
    path = folder / "tallyd.yaml"
    path.write_text(config)
    with running(["-m", "daemon", "run", "--config", str(path)]) as process:
        yield process


@contextmanager
def running(args: Sequence[str]) -> Iterator[Process]:
    """Run Python with `args` until the block ends; it logs its ports and "ready" as tallyd does."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(
            [sys.executable, *args], stdout=log, stderr=subprocess.STDOUT, cwd=ROOT
        )
        try:
            ports = _ports(child, log)
            yield Process(pid=child.pid, ports=ports, ready_after_s=time.monotonic() - started)
        finally:
            child.terminate()
            child.wait(START_S)


def _ports(child: subprocess.Popen[bytes], log: IO[bytes]) -> dict[str, int]:
    """Read the log until it says "ready" and return where each component listens."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and child.poll() is None:
        said = os.pread(log.fileno(), MOST_LOG, 0)
        events = [json.loads(line) for line in said.splitlines() if line.endswith(b"}")]
        if any(event["message"] == "ready" for event in events):
            return {
                event["component"]: event["port"]
                for event in events
                if event["message"] == "listening"
            }
        time.sleep(0.005)
    raise RuntimeError(f"did not start: {os.pread(log.fileno(), MOST_LOG, 0).decode()}")
