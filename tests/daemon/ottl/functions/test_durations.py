"""Converters of `durations`: every row was answered so by the collector v0.153.0 unless a test says otherwise."""

from __future__ import annotations

import pytest

from daemon.ottl.errors import OttlError
from daemon.ottl.values import Duration, Value
from tests.daemon.ottl.functions.calling import Row, call, identify, same

ROWS: list[Row] = [
    ("Duration", ("1.5h",), Duration(5400000000000)),
    ("Duration", ("-1m30s",), Duration(-90000000000)),
    ("Duration", ("+5s",), Duration(5000000000)),
    ("Duration", ("0",), Duration(0)),
    ("Duration", (".5s",), Duration(500000000)),
    ("Duration", ("1µs1us",), Duration(2000)),
    ("Duration", ("9223372036s",), Duration(9223372036000000000)),
    ("Duration", ("1.s",), Duration(1000000000)),
    ("Hours", (Duration(5400000000000),), 1.5),
    ("Milliseconds", (Duration(-1500000),), -1),
    ("Seconds", (Duration(1),), 1e-09),
    ("Minutes", (Duration(1),), 1.6666666666666667e-11),
]

ERRORS: list[tuple[str, tuple[Value, ...]]] = [
    ("Duration", ("1d",)),
    ("Duration", ("",)),
    ("Duration", ("1 s",)),
    ("Duration", ("9223372037s",)),
    ("Duration", ("s",)),
    ("Duration", (".s",)),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), ROWS, ids=identify)
def test_answers(name: str, arguments: tuple[Value, ...], expected: Value) -> None:
    """Each function answers as the collector does, kind for kind."""
    assert same(call(name, *arguments), expected)


@pytest.mark.parametrize(("name", "arguments"), ERRORS, ids=identify)
def test_refusals(name: str, arguments: tuple[Value, ...]) -> None:
    """What the collector refuses at start-up or at evaluation is refused, and nothing but OttlError escapes."""
    with pytest.raises(OttlError):
        call(name, *arguments)
