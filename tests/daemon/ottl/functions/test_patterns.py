"""Converters of `patterns`: every row was answered so by the collector v0.153.0 unless a test says otherwise."""

from __future__ import annotations

import pytest

from daemon.ottl.errors import OttlError
from daemon.ottl.values import RawList, Value
from tests.daemon.ottl.functions.calling import Row, call, identify, same

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
