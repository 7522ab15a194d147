"""The daemon that all is done to: killed, stopped, continued, reloaded; its log, memory and counters."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path

import yaml

START_S = 30.0
PORTS = ("opencensus", "keda_scaler", "http_api", "health_check", "telemetry")


def _free_ports() -> dict[str, int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return dict(zip(PORTS, ports, strict=True))


class Victim:
    """One tallyd, over all its lives: its ports stay."""

    def __init__(self, folder: Path, *, senders: int) -> None:
        self.ports = _free_ports()
        self._log = folder / "log"
        self._config = folder / "tallyd.yaml"
        self._text = self._configuration(folder / "snapshot", senders)
        self._popen: subprocess.Popen[bytes] | None = None
        self._counted: Counter[str] = Counter()
        self.rss_mb: list[tuple[float, float]] = []

    def _configuration(self, snapshot: Path, senders: int) -> str:
        at = {name: {"endpoint": f"127.0.0.1:{port}"} for name, port in self.ports.items()}
        config = {
            "receivers": {"opencensus": at["opencensus"]},
            "extensions": {
                **{name: at[name] for name in ("keda_scaler", "http_api", "health_check")},
                "snapshot": {"path": str(snapshot), "interval": "1s"},
            },
            "exporters": {
                "windows": {
                    "settle_for": "5s",
                    "max_series": 20 * senders + 5_000,
                    "max_series_per_metric": 10 * senders + 1_000,
                }
            },
            "service": {"telemetry": {"metrics": {"address": at["telemetry"]["endpoint"]}}},
        }
        return yaml.safe_dump(config)

    async def start(self) -> None:
        """Start it and wait until it answers."""
        self._config.write_text(self._text)
        command = [sys.executable, "-m", "daemon", "run", "--config", str(self._config)]
        with self._log.open("ab") as log:
            self._popen = subprocess.Popen(command, stderr=log)
        deadline = time.monotonic() + START_S
        while "telemetry" not in await self._reachable():
            assert self._popen.poll() is None, self._log.read_text()[-2000:]
            assert time.monotonic() < deadline, "it does not listen"
            await asyncio.sleep(0.05)

    async def _reachable(self) -> str:
        try:
            await self.page()
        except OSError:
            return ""
        return "telemetry"

    async def kill(self) -> None:
        """Kill it with -9; what it had counted is kept."""
        self._counted.update(await self.page())
        self.signal(signal.SIGKILL)
        assert self._popen is not None
        await asyncio.to_thread(self._popen.wait)

    async def reload(self) -> None:
        """Offer it a file with a mistake, which must change nothing, and then the good one again."""
        self._config.write_text(self._text + "\nnonsense: [")
        self.signal(signal.SIGHUP)
        await asyncio.sleep(0.5)
        self._config.write_text(self._text)
        self.signal(signal.SIGHUP)

    def signal(self, number: int) -> None:
        assert self._popen is not None
        os.kill(self._popen.pid, number)

    def end(self) -> int:
        """Ask it to end; return its exit code."""
        assert self._popen is not None
        self._popen.terminate()
        try:
            return self._popen.wait(10)
        finally:
            self._popen.kill()

    async def page(self) -> dict[str, float]:
        """Return its self-metrics."""
        url = f"http://127.0.0.1:{self.ports['telemetry']}/metrics"
        page = await asyncio.to_thread(_read, url)
        pairs = [line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in pairs}

    async def counters(self) -> dict[str, float]:
        """Return its counters, over all its lives."""
        now = await self.page()
        names = {name for name in {**self._counted, **now} if "_total" in name}
        return {name: self._counted[name] + now.get(name, 0.0) for name in names}

    def measure(self) -> None:
        """Note its resident memory, if it lives."""
        assert self._popen is not None
        try:
            status = Path(f"/proc/{self._popen.pid}/status").read_text()
        except OSError:
            return
        if found := re.search(r"VmRSS:\s+(\d+)", status):
            self.rss_mb.append((time.time(), int(found[1]) / 1024))

    def log(self) -> str:
        return self._log.read_text()


def _read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())
