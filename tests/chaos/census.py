"""What the honest sidecars really sent, and what KEDA must therefore be told, by the slow model."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from tests.bench.process import ROOT
from tests.support.slow_model import Life, Report, slow_increase

KEPT_MS = 60_000
LATENCY_MS = 2_000
"""A report may take so long from the sidecar's word of it to the windows, where all share two cores."""


@dataclass
class _Told:
    start_ms: int
    reports: list[Report] = field(default_factory=list)
    closed_ms: int | None = None


class Census:
    """The lives of all sidecars of all fleets."""

    def __init__(self) -> None:
        self._told: dict[str, _Told] = {}

    def note(self, line: bytes) -> None:
        said = json.loads(line)
        name = said["name"]
        if "start_ms" in said:
            self._told[name] = _Told(said["start_ms"])
        elif name in self._told and "closed_ms" in said:
            self._told[name].closed_ms = said["closed_ms"]
        elif name in self._told:
            time_ms = said["time_ms"]
            self._told[name].reports.append(Report(time_ms, time_ms, said["calls"]))

    def _forget(self, before_ms: int) -> None:
        for name, told in list(self._told.items()):
            told.reports = [one for one in told.reports if one.time_ms >= before_ms]
            if not told.reports and told.start_ms < before_ms:
                del self._told[name]

    def expected(
        self, began_ms: int, ended_ms: int, window_ms: int
    ) -> Iterator[tuple[int, Fraction]]:
        """Every instant and rate that is right at it, the newest first, of a question that took from began to ended."""
        self._forget(began_ms - KEPT_MS)
        lives = [
            Life(
                name=name,
                start_ms=told.start_ms,
                reports=tuple(told.reports),
                closed_ms=told.closed_ms,
            )
            for name, told in self._told.items()
        ]
        first = began_ms - LATENCY_MS
        cuts = {one.at_ms for life in lives for one in life.reports if first < one.at_ms < ended_ms}
        for at_ms in sorted({first, *cuts}, reverse=True):
            increase = slow_increase(lives, window_ms=window_ms, at_ms=at_ms)
            yield at_ms, increase * 1000 / window_ms


class Fleet:
    """One process of sidecars."""

    def __init__(self, name: str, *, port: int, senders: int, interval_s: float, seed: int) -> None:
        settings = {"name": name, "port": port, "senders": senders, "interval": interval_s}
        arguments = [f"--{key}={value}" for key, value in {**settings, "seed": seed}.items()]
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.fleet", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "GRPC_VERBOSITY": "NONE"},
        )

    async def listen(self, census: Census) -> None:
        """Note what it says until it is dead."""
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: protocol, self._popen.stdout
        )
        try:
            while line := await reader.readline():
                if line.endswith(b"\n"):
                    census.note(line)
        finally:
            transport.close()

    def signal(self, number: int) -> None:
        self._popen.send_signal(number)

    def replace_one(self) -> None:
        """Let its oldest sidecar end cleanly and another begin."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(b"\n")
        self._popen.stdin.flush()

    def end(self) -> None:
        self.signal(signal.SIGKILL)
        self._popen.wait()
        assert self._popen.stdin is not None
        self._popen.stdin.close()
