"""Converters of `digits`: every row was answered so by the collector v0.153.0 unless a test says otherwise."""

from __future__ import annotations

import pytest

from daemon.ottl.errors import OttlError
from daemon.ottl.values import Value
from tests.daemon.ottl.functions.calling import Row, call, identify, same

ROWS: list[Row] = [
    ("IsValidLuhn", ("17893729974",), True),
    ("IsValidLuhn", ("17893729975",), False),
    ("IsValidLuhn", (17893729974,), True),
    ("IsValidLuhn", ("4 1 1",), False),
    ("IsValidLuhn", ("",), False),
    ("IsValidLuhn", ("0",), True),
    ("Log", (1,), 0.0),
    ("Log", ("2.5",), 0.9162907318741551),
    ("Log", (True,), 0.0),
]

ERRORS: list[tuple[str, tuple[Value, ...]]] = [
    ("IsValidLuhn", ("a",)),
    ("IsValidLuhn", ("1a",)),
    ("IsValidLuhn", (None,)),
    ("IsValidLuhn", ("é",)),
    ("Log", (0,)),
    ("Log", (-1,)),
    ("Log", (None,)),
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
