"""Hostile input from good input, guided by the lines it reaches; atheris does the same quicker, where it is installed."""

from __future__ import annotations

import random
import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.targets import run

ROOT = Path(__file__).parents[2]
CORPUS = Path(__file__).parent / "corpus"
OURS = tuple(f"{ROOT / name}/" for name in ("daemon", "receivers", "query"))
MAX_BYTES = 4096
NUMBER_SHARE = 0.25
"""Of inputs in which one number, wherever it is, becomes another."""
SLOW_S = 2.0
"""CPU time for one small input that is a finding by itself."""
ODD = (
    b"\x00", b"\xff", b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x80" * 10, b"NaN", b"-1", b"1e400", b"9" * 30,
    b"null", b"[]", b"{}", b"(" * 50, b"[" * 50, b'"', b"'", b"\\", b"\n", b"=", b"%00", b"\xf0\x9f\x98\x80",
    b"-0", b"true", b"${env:", b"1d1h", b".", b":", b"\xed\xa0\x80", b"- ", b"&a *a", b"<<: ", b"\\ud800", b"!!",
)  # fmt: skip


NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
ODD_NUMBERS = (
    b"0",
    b"-1",
    b"1e999",
    b"9" * 30,
    b"9223372036854775807",
    b"NaN",
    b"0.5",
    b'"1"',
    b"null",
)


class SlowError(AssertionError):
    """An input took too long."""


def corpus(name: str) -> list[bytes]:
    """Return the kept inputs of a target."""
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]


def timed(name: str, data: bytes) -> None:
    """Run one input.

    Raises:
        Exception: anything that the target does not document.
        SlowError: it took too long.
    """
    began = time.process_time()
    run(name, data)
    took_s = time.process_time() - began
    if took_s > SLOW_S:
        raise SlowError(f"{took_s:.1f} s")


def mutated(seeds: Sequence[bytes], rng: random.Random) -> bytes:
    """Return a seed with a few changes."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((0, 1, 1, 2, 4, 8))):
        at = rng.randint(0, len(data))
        to = min(len(data), at + rng.choice((0, 1, 1, 2, 4, 16)))
        other = rng.choice(seeds)
        begin = rng.randint(0, len(other))
        data[at:to] = rng.choice(
            (
                rng.choice(ODD),
                rng.randbytes(rng.randint(0, 3)),
                other[begin : begin + rng.randint(0, 64)],
                bytes(data[at:to]) * 2,
                b"",
            )
        )
    if rng.random() < NUMBER_SHARE and (numbers := list(NUMBER.finditer(data))):
        found = rng.choice(numbers)
        data[found.start() : found.end()] = rng.choice(ODD_NUMBERS)
    return bytes(data[:MAX_BYTES])


class Reached:
    """The lines of ours that have been reached."""

    def __init__(self) -> None:
        self._lines: set[tuple[int, int]] = set()
        self._before = 0

    def __enter__(self) -> None:
        self._before = len(self._lines)
        sys.settrace(self._call)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def grew(self) -> bool:
        return len(self._lines) > self._before

    def __len__(self) -> int:
        return len(self._lines)

    def _call(self, frame: FrameType, _event: str, _arg: object) -> Any:
        return self._line if frame.f_code.co_filename.startswith(OURS) else None

    def _line(self, frame: FrameType, event: str, _arg: object) -> Any:
        if event == "line":
            self._lines.add((id(frame.f_code), frame.f_lineno))
        return self._line


def hunt(name: str, seconds: float, rng: random.Random) -> Iterator[tuple[bytes, Exception]]:
    """Yield inputs that raise what is not documented, each kind once."""
    seeds = corpus(name)
    reached, told = Reached(), set[str]()
    ends = time.monotonic() + seconds
    runs = 0
    queue = list(seeds)
    while time.monotonic() < ends:
        data = queue.pop() if queue else mutated(seeds, rng)
        runs += 1
        # Tracing is slow: most inputs run without, and find crashes all the same.
        traced = runs % 3 == 0
        try:
            if traced:
                with reached:
                    run(name, data)
            else:
                timed(name, data)
        except Exception as error:
            kind = _kind(error)
            if kind not in told:
                told.add(kind)
                yield data, error
        if traced and reached.grew():
            seeds.append(data)
    print(f"{name}: {runs} inputs, {len(seeds)} kept, {len(reached)} lines, {len(told)} findings")  # noqa: T201


def _kind(error: Exception) -> str:
    trace = error.__traceback__
    where = ""
    while trace is not None:
        where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} {where}"
