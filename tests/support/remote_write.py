"""Remote write 1.0 as a writer speaks it: a WriteRequest's bytes, and the request over HTTP (promql.md 6.1)."""

from __future__ import annotations

import struct
import urllib.request
from collections.abc import Iterable, Mapping, Sequence

import cramjam

from query.labels import Labels

HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
    "User-Agent": "tallyd-tests",
}


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def sample(time_ms: int, value: float) -> bytes:
    return b"\x09" + struct.pack("<d", value) + b"\x10" + varint(time_ms)


def time_series(
    labels: Iterable[tuple[str, str]], samples: Iterable[tuple[int, float]], more: bytes = b""
) -> bytes:
    """One TimeSeries, labels in the order given; `more` is put behind."""
    parts = [field(1, field(1, n.encode()) + field(2, v.encode())) for n, v in labels]
    return b"".join([*parts, *(field(2, sample(*one)) for one in samples), more])


def metadata(kind: int, family: str, text: str = "", unit: str = "") -> bytes:
    return (
        b"\x08"
        + varint(kind)
        + field(2, family.encode())
        + (field(4, text.encode()) if text else b"")
        + (field(5, unit.encode()) if unit else b"")
    )


def write_request(series: Iterable[bytes] = (), metadatas: Iterable[bytes] = ()) -> bytes:
    """A WriteRequest, not yet compressed."""
    return b"".join([*(field(1, one) for one in series), *(field(3, one) for one in metadatas)])


def compressed(raw: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(raw))


def push(base_url: str, raw: bytes) -> int:
    """Send a WriteRequest; return the status, raise HTTPError for anything but success."""
    request = urllib.request.Request(
        f"{base_url}/api/v1/write", data=compressed(raw), headers=HEADERS, method="POST"
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return int(response.status)


def push_series(
    base_url: str, series: Mapping[Labels, Sequence[tuple[int, float]]], at_once: int = 1000
) -> None:
    """Send series, at most `at_once` samples in a request."""
    bodies: list[bytes] = []
    room = at_once
    for labels, samples in series.items():
        for first in range(0, len(samples), at_once):
            part = samples[first : first + at_once]
            if len(part) > room and bodies:
                push(base_url, write_request(bodies))
                bodies, room = [], at_once
            bodies.append(time_series(labels, part))
            room -= len(part)
    if bodies:
        push(base_url, write_request(bodies))
