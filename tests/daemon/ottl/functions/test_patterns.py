"""Converters of `patterns`: every row was answered so by the collector v0.153.0 unless a test says otherwise."""

from __future__ import annotations

import pytest

from daemon.ottl.errors import OttlBuildError, OttlError, OttlEvaluationError
from daemon.ottl.values import RawList, Value
from tests.daemon.ottl.functions.calling import Row, call, call_computed, identify, same

ROWS: list[Row] = [
    ("ExtractPatterns", ("a=1 b", "(?P<k>\\w)=(?P<v>\\d)(?P<z>q)?"), {"k": "a", "v": "1", "z": ""}),
    ("ExtractPatterns", ("zzz", "(?P<k>q)"), {}),
    ("IsMatch", ("abc", "^b"), False),
    ("IsMatch", (RawList([1, 2]), "1,2"), True),
    ("IsMatch", (None, "a"), False),
]

ERRORS: list[tuple[str, tuple[Value, ...]]] = [
    ("ExtractPatterns", ("zzz", "(q)")),
    ("IsMatch", ("a", "\\C")),
    ("IsMatch", ("a", "[")),
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


VECTORS: list[tuple[Value, str, bool]] = [
    ("m1", "1", True),
    ("m1", "m\\d", True),
    ("café中", "^\\w+$", False),
    ("café中", "^.{5}$", True),
    ("a\nb", "^b", False),
    (2, "^2$", True),
    (1.0, "^1$", True),
    (None, ".*", False),
    ("K", "(?i)k", True),
    ("ab", "(?<x>a)b", True),
    ("a\\Cb", "a\\Q\\C\\Eb", True),
    (b"\x01\xab", "^01ab$", True),
]


@pytest.mark.parametrize(("target", "pattern", "expected"), VECTORS)
def test_is_match(target: Value, pattern: str, expected: bool) -> None:
    """IsMatch searches as RE2 does, the pattern known at start-up or not (ottl.md 7.2 J)."""
    assert call("IsMatch", target, pattern) is expected
    assert call_computed("IsMatch", target, pattern) is expected


@pytest.mark.parametrize("pattern", ["(?=m)", "m++", "m1\\Z", "\\C", "[\\C]", "[", "x" * 70_000])
def test_bad_patterns(pattern: str) -> None:
    """A bad pattern stops the start when it is literal, and the evaluation when it is computed."""
    with pytest.raises(OttlBuildError):
        call("IsMatch", "m1", pattern)
    with pytest.raises(OttlEvaluationError):
        call_computed("IsMatch", "m1", pattern)
