"""Servers that scripts are run against from outside: a tallyd or Debian's prometheus, started empty on loopback."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

READY_S = 30.0
_TALLYD = """
receivers:
  prometheusremotewrite:
exporters:
  windows: {{retention: 0s, settle_for: 0s, max_series: 1000000}}
extensions:
  http_api: {{endpoint: "127.0.0.1:{port}"}}
service:
  telemetry: {{metrics: {{address: "127.0.0.1:0"}}}}
"""
_PROMETHEUS = (
    "global: {scrape_interval: 1h, evaluation_interval: 1m}\n"
    "storage: {tsdb: {out_of_order_time_window: 9000d}}\n"
)


class Server(ABC):
    """A server process; `start` ends the one before and begins with no data."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="promtest-")
        self._starts = 0

    def start(self) -> str:
        """Return the base URL of an empty server that is ready."""
        self._stop()
        self._starts += 1
        folder = Path(self._folder.name) / str(self._starts)
        folder.mkdir()
        port = _free_port()
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                self.command(folder, port), stdout=log, stderr=log, cwd=self.directory()
            )
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + READY_S
        while not _answers(f"{url}/-/ready"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start: {(folder / 'log').read_text()}")
            time.sleep(0.02)
        return url

    @property
    def pid(self) -> int:
        """The process that `start` started last."""
        assert self._process is not None
        return self._process.pid

    @abstractmethod
    def command(self, folder: Path, port: int) -> list[str]:
        """Return what to run."""

    def directory(self) -> Path | None:
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()
        self._folder.cleanup()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class TallydServer(Server):
    """This checkout's tallyd, with remote write on."""

    def command(self, folder: Path, port: int) -> list[str]:
        config = folder / "config.yaml"
        config.write_text(_TALLYD.format(port=port), encoding="utf-8")
        return [sys.executable, "-m", "daemon", "run", "--config", str(config)]

    def directory(self) -> Path:
        return Path(__file__).parents[3]


class PrometheusServer(Server):
    """Debian's prometheus as promql.md 8.1 starts it."""

    def command(self, folder: Path, port: int) -> list[str]:
        config = folder / "prometheus.yml"
        config.write_text(_PROMETHEUS, encoding="utf-8")
        return [
            str(prometheus_path()),
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-remote-write-receiver",
            "--log.level=error",
        ]


def prometheus_path() -> str | None:
    """Return where Debian's prometheus is installed, or None."""
    return shutil.which("prometheus")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except (urllib.error.URLError, OSError):
        return False
