"""A server that is asked PromQL and written to over kept connections, and what the kernel says of it."""

from __future__ import annotations

import http.client
import json
import threading
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from tests.support.promtest.servers import Server
from tests.support.remote_write import HEADERS, compressed, time_series, write_request

UNMEASURED = 3
BEAT_S = 0.5
"""A writer that says nothing for two intervals has ended, and then each of its series gets one sample more."""


class Asked:
    """A started server; one request at a time, while its writer goes on with a series that nobody asks for."""

    def __init__(self, server: Server, url: str) -> None:
        """Ask the server that answers at `url`, which `server` started last."""
        self._pid = server.pid
        address = urlsplit(url)
        assert address.hostname is not None
        self._connection = http.client.HTTPConnection(address.hostname, address.port, timeout=120)
        self._beating = http.client.HTTPConnection(address.hostname, address.port, timeout=120)
        self._closed = threading.Event()
        self._beat = threading.Thread(target=self._go_on)
        self._beat.start()

    def ask(self, query: str, at_ms: int) -> bytes:
        """Return the answer to an instant query."""
        body = urlencode({"query": query, "time": f"{at_ms / 1000:.3f}"})
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._post("/api/v1/query", body.encode(), form, 200)

    def elements(self, query: str, at_ms: int) -> int:
        """Return how many elements the answer has."""
        return len(json.loads(self.ask(query, at_ms))["data"]["result"])

    def median_ms(self, query: str, at_ms: int, times: int) -> float:
        """Return how long an answer takes."""
        for _ in range(UNMEASURED):
            self.ask(query, at_ms)
        took_s = []
        for _ in range(times):
            started = time.perf_counter()
            self.ask(query, at_ms)
            took_s.append(time.perf_counter() - started)
        return sorted(took_s)[times // 2] * 1000

    def write(self, bodies: list[bytes]) -> float:
        """Write the samples of these requests; return the CPU time it took."""
        before_s = self.cpu_s()
        for body in bodies:
            self._post("/api/v1/write", body, HEADERS, 204)
        return self.cpu_s() - before_s

    def close(self) -> None:
        self._closed.set()
        self._beat.join()
        self._connection.close()
        self._beating.close()

    def cpu_s(self) -> float:
        """Return user and system time so far, of all threads."""
        # The process's CPU clock as clock_getcpuclockid(3) names it.
        return time.clock_gettime(~self._pid << 3 | 2)

    def rss_mb(self) -> float:
        """Return resident memory, shared libraries included, in 1,000,000 bytes."""
        lines = Path(f"/proc/{self._pid}/status").read_text().splitlines()
        [resident] = [line for line in lines if line.startswith("VmRSS")]
        return int(resident.split()[1]) * 1024 / 1e6

    def _go_on(self) -> None:
        while not self._closed.wait(BEAT_S):
            now = [(int(time.time() * 1000), 1.0)]
            body = compressed(write_request([time_series([("__name__", "up")], now)]))
            _post(self._beating, "/api/v1/write", body, HEADERS, 204)

    def _post(self, path: str, body: bytes, headers: dict[str, str], expected: int) -> bytes:
        return _post(self._connection, path, body, headers, expected)


def _post(
    connection: http.client.HTTPConnection,
    path: str,
    body: bytes,
    headers: dict[str, str],
    expected: int,
) -> bytes:
    connection.request("POST", path, body=body, headers=headers)
    response = connection.getresponse()
    text = response.read()
    assert response.status == expected, text[:500]
    return text
