"""Converters of `kinds`: every row was answered so by the collector v0.153.0 unless a test says otherwise."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone

import pytest

from daemon.ottl.errors import OttlError
from daemon.ottl.values import Duration, Opaque, RawList, Time, TypedSlice, Value
from tests.daemon.ottl.functions.calling import Row, call, call_computed, identify, same

ROWS: list[Row] = [
    ("IsList", (TypedSlice("uint64", (1,)),), False),
    ("IsList", (Opaque("data points", []),), True),
    ("IsList", (None,), False),
    ("String", (1e-07,), "1e-07"),
    ("String", (1.2345e-07,), "1.2345e-07"),
    ("String", (1e-10,), "1e-10"),
    ("String", (1e21,), "1e+21"),
    ("String", (1e20,), "100000000000000000000"),
    ("String", (1.2345678901234568e17,), "123456789012345680"),
    ("String", (1e-06,), "0.000001"),
    ("String", (1.5,), "1.5"),
    ("String", (-0.0,), "-0"),
    (
        "String",
        (RawList([1, "a", b"\x01\xab", None, {"b": 1.0, "a": "<é>"}]),),
        '[1,"a","Aas=",null,{}]',
    ),
    ("String", (Duration(60000000000),), "60000000000"),
    ("String", (Time(0, UTC),), '"1970-01-01T00:00:00Z"'),
    ("String", (Time(1000000500, UTC),), '"1970-01-01T00:00:01.0000005Z"'),
    ("String", (TypedSlice(element="string", items=("a", "b")),), '["a","b"]'),
    ("String", ({"z": b"\x00\xff", "a": RawList([1.5, True])},), '{"a":[1.5,true],"z":"AP8="}'),
    ("String", ("\u2028\x7f\x01\x08",), "\u2028\x7f\x01\x08"),
    ("String", (RawList(["\u2028\x7f\x01\x08\x0b"]),), '["\\u2028\x7f\\u0001\\u0008\\u000b"]'),
    ("Int", (1.9,), 1),
    ("Int", (-1.9,), -1),
    ("Int", ("+5",), 5),
    ("Int", ("-5",), -5),
    ("Int", ("5.0",), None),
    ("Int", (" 5",), None),
    ("Int", ("9223372036854775808",), None),
    ("Int", (1e30,), -9223372036854775808),
    ("Int", (float("nan"),), -9223372036854775808),
    ("Double", ("1_0",), 10.0),
    ("Double", ("0x1p4",), 16.0),
    ("Double", ("0x1_0p0",), 16.0),
    ("Double", ("1e3",), 1000.0),
    ("Double", ("infinity",), float("inf")),
    ("Double", ("+Inf",), float("inf")),
    ("Double", ("0x_1p4",), 16.0),
    ("Double", (".5",), 0.5),
    ("Double", ("5.",), 5.0),
    ("Double", (True,), 1.0),
    ("Bool", ("T",), True),
    ("Bool", (2,), True),
    ("IsList", (RawList([1]),), True),
    ("IsList", ({"a": 1},), False),
    ("IsList", (TypedSlice(element="string", items=("a",)),), True),
    ("IsMap", ({"a": 1},), True),
    ("IsString", ("a",), True),
    ("IsDouble", (1.0,), True),
    ("IsInt", (1,), True),
    ("IsBool", (True,), True),
    (
        "String",
        (Time(1685097296000000000, timezone(timedelta(seconds=7200))),),
        '"2023-05-26T12:34:56+02:00"',
    ),
]

ERRORS: list[tuple[str, tuple[Value, ...]]] = [
    ("Double", ("1e400",)),
    ("Double", ("0x10",)),
    ("Double", ("1__0",)),
    ("Double", ("",)),
    ("Bool", (b"\x01",)),
    ("Bool", ("yes",)),
    ("IsMap", (RawList([1]),)),
    ("IsString", (None,)),
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


@pytest.mark.parametrize("name", ["IsString", "IsInt", "IsDouble", "IsBool", "IsMap"])
def test_another_kind_at_run_time_is_false(name: str) -> None:
    """A value of another kind, or nil, is just not of that kind; a literal would stop the start."""
    others: list[Value] = [None, b"x", [1]]
    assert [call_computed(name, value) for value in others] == [False, False, False]
