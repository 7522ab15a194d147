"""Converters of `severity`: every row was answered so by the collector v0.153.0 unless a test says otherwise."""

from __future__ import annotations

import pytest

from daemon.ottl.errors import OttlError
from daemon.ottl.values import RawList, Value
from tests.daemon.ottl.functions.calling import Row, call, identify, same

ROWS: list[Row] = [
    (
        "ParseSeverity",
        (
            "err",
            {
                "error": RawList([{"equals": RawList(["err", "e"])}]),
                "warn": RawList([{"range": {"min": 3, "max": 4}}]),
            },
        ),
        "error",
    ),
    (
        "ParseSeverity",
        (
            3,
            {
                "error": RawList([{"equals": RawList(["err", "e"])}]),
                "warn": RawList([{"range": {"min": 3, "max": 4}}]),
            },
        ),
        "warn",
    ),
    ("ParseSeverity", (450, {"error": RawList([{"range": "4xx"}])}), "error"),
    ("ParseSeverity", (250, {"info": RawList([{"range": "2xx"}])}), "info"),
    (
        "ParseSeverity",
        (5, {"error": RawList([{"equals": RawList(["x"])}, {"range": {"min": 5, "max": 5}}])}),
        "error",
    ),
]

ERRORS: list[tuple[str, tuple[Value, ...]]] = [
    ("ParseSeverity", (450, {"error": RawList([{"range": "6xx"}])})),
    ("ParseSeverity", ("x", {"error": RawList([{"equals": RawList(["err"])}])})),
    ("ParseSeverity", (1.5, {"error": RawList([{"equals": RawList(["err"])}])})),
    ("ParseSeverity", ("x", {"error": {"equals": RawList(["err"])}})),
    ("ParseSeverity", ("x", {"error": RawList([{"equals": "err"}])})),
    ("ParseSeverity", ("x", {"error": RawList([{"equals": RawList([1])}])})),
    ("ParseSeverity", (1, {"error": RawList([{"range": {"min": 1}}])})),
    ("ParseSeverity", (1, {"error": RawList([{"range": {"min": 1, "max": "2"}}])})),
    ("ParseSeverity", (1, {"error": RawList(["x"])})),
    ("ParseSeverity", (1, {})),
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
