"""Parameter kinds: what each takes and what it makes of it (ottl.md 4.1, 4.2)."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.functions.conversions import WrongKindError, convert
from daemon.ottl.functions.gotext import format_float, format_json
from daemon.ottl.functions.signature import ParamKind as K
from daemon.ottl.values import Duration, Opaque, RawList, RawMap, Time, TypedSlice, Value
from tests.daemon.ottl.functions.calling import same

TIME = Time(1_000_000_500, UTC)
OPAQUE = Opaque("data points", ())

LIKE: list[tuple[K, Value, Value]] = [
    (K.STRING_LIKE, None, None),
    (K.STRING_LIKE, b"\x01\xab", "01ab"),
    (K.STRING_LIKE, True, "true"),
    (K.STRING_LIKE, -5, "-5"),
    (K.STRING_LIKE, 1.0, "1"),
    (
        K.STRING_LIKE,
        {"b": "<é>&", "a": [b"\x01", None, 2.5]},
        '{"a":["AQ==",null,2.5],"b":"\\u003cé\\u003e\\u0026"}',
    ),
    (K.STRING_LIKE, RawList([1, {"a": 1}, [1], RawList([2])]), "[1,{},{},[2]]"),
    (K.STRING_LIKE, RawMap({"port": 80}), '{"port":80}'),
    (K.STRING_LIKE, TypedSlice("string", ("a", "b")), '["a","b"]'),
    (K.STRING_LIKE, TIME, '"1970-01-01T00:00:01.0000005Z"'),
    (K.STRING_LIKE, Duration(60_000_000_000), "60000000000"),
    (K.STRING_LIKE, OPAQUE, "{}"),
    (K.INT_LIKE, None, None),
    (K.INT_LIKE, True, 1),
    (K.INT_LIKE, -1.9, -1),
    (K.INT_LIKE, float("nan"), -(2**63)),
    (K.INT_LIKE, float("inf"), -(2**63)),
    (K.INT_LIKE, 1e30, -(2**63)),
    (K.INT_LIKE, "+5", 5),
    (K.INT_LIKE, "0005", 5),
    (K.INT_LIKE, "5.0", None),
    (K.INT_LIKE, " 5", None),
    (K.INT_LIKE, "1_0", None),
    (K.INT_LIKE, "0x5", None),
    (K.INT_LIKE, "9223372036854775807", 2**63 - 1),
    (K.INT_LIKE, "-9223372036854775808", -(2**63)),
    (K.INT_LIKE, "9223372036854775808", None),
    (K.INT_LIKE, "9" * 5000, None),
    (K.FLOAT_LIKE, None, None),
    (K.FLOAT_LIKE, 7, 7.0),
    (K.FLOAT_LIKE, True, 1.0),
    (K.FLOAT_LIKE, "1e3", 1000.0),
    (K.FLOAT_LIKE, "0x1p4", 16.0),
    (K.FLOAT_LIKE, "1_0", 10.0),
    (K.FLOAT_LIKE, "-Inf", float("-inf")),
    (K.FLOAT_LIKE, "NaN", float("nan")),
    (K.BOOL_LIKE, None, None),
    (K.BOOL_LIKE, 0.0, False),
    (K.BOOL_LIKE, 2, True),
    (K.BOOL_LIKE, "T", True),
    (K.BOOL_LIKE, "False", False),
    (K.BYTES_LIKE, None, None),
    (K.BYTES_LIKE, "é", b"\xc3\xa9"),
    (K.BYTES_LIKE, 1, b"\0\0\0\0\0\0\0\x01"),
    (K.BYTES_LIKE, 1.0, b"\x3f\xf0\0\0\0\0\0\0"),
    (K.BYTES_LIKE, True, b"\x01"),
    (K.LIST, RawList([1, RawList(["a"])]), [1, ["a"]]),
    (K.LIST, TypedSlice("float64", (1.0,)), [1.0]),
    (K.MAP, RawMap({"a": RawList([1])}), {"a": [1]}),
]


@pytest.mark.parametrize(("kind", "value", "expected"), LIKE)
def test_convertible(kind: K, value: Value, expected: Value) -> None:
    """A convertible value becomes the text, number or bytes that the collector makes of it; nil stays nil."""
    assert same(convert(kind, value), expected)


STRICT: dict[K, Value] = {
    K.STRING: "a", K.INT: 1, K.FLOAT: 1.0, K.BOOL: True, K.MAP: {"a": 1}, K.LIST: [1], K.TIME: TIME, K.DURATION: Duration(1),
}  # fmt: skip


@pytest.mark.parametrize("kind", STRICT)
def test_strict(kind: K) -> None:
    """A strict kind takes its own values as they are and no others: nil, bool for int and int for float included."""
    assert convert(kind, STRICT[kind]) is STRICT[kind]
    for other in (None, OPAQUE, b"", *(value for k, value in STRICT.items() if k is not kind)):
        with pytest.raises(WrongKindError):
            convert(kind, other)


REFUSED: list[tuple[K, Value]] = [
    (K.INT_LIKE, [1]),
    (K.INT_LIKE, {}),
    (K.INT_LIKE, b"1"),
    (K.FLOAT_LIKE, "x"),
    (K.FLOAT_LIKE, " 1"),
    (K.FLOAT_LIKE, "1e400"),
    (K.FLOAT_LIKE, "0x1p5000"),
    (K.FLOAT_LIKE, "+nan"),
    (K.FLOAT_LIKE, "0x10"),
    (K.FLOAT_LIKE, b"1"),
    (K.BOOL_LIKE, "yes"),
    (K.BOOL_LIKE, b"1"),
    (K.BYTES_LIKE, [1]),
    (K.STRING_LIKE, float("inf")),
    (K.STRING_LIKE, [float("nan")]),
    (K.LIST, RawList([{"a": 1}])),
    (K.LIST, RawList([[1]])),
]


@pytest.mark.parametrize(("kind", "value"), REFUSED)
def test_refused(kind: K, value: Value) -> None:
    """What has no conversion is an evaluation error."""
    with pytest.raises(OttlEvaluationError):
        convert(kind, value)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (1.5, "1.5"),
        (0.1, "0.1"),
        (0.000001, "0.000001"),
        (0.0000001, "1e-07"),
        (0.00000012345, "1.2345e-07"),
        (1e-10, "1e-10"),
        (1e16, "10000000000000000"),
        (123456789012345678.0, "123456789012345680"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (5e-324, "5e-324"),
    ],
)
def test_float_text(number: float, text: str) -> None:
    """Floats print in the shortest form, plain from 1e-6 up to 1e21, without a trailing `.0`."""
    assert format_float(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_float_text_reads_back(number: float) -> None:
    """The text of a float reads back as the same float."""
    assert float(format_float(number)) == number


def test_json_controls() -> None:
    """Controls other than newline, return and tab are written in the long form; a literal backslash stays apart."""
    assert format_json(["\b\f\n\x01\u2028", "\\b"]) == r'["\u0008\u000c\n\u0001\u2028","\\b"]'


def test_deep_list_is_refused() -> None:
    """A list that nests without end is refused instead of exhausting the stack."""
    deep: list[Value] = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(OttlEvaluationError):
        convert(K.STRING_LIKE, deep)


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=4)
    | st.builds(Time, st.integers(-(2**70), 2**70), st.just(UTC))
    | st.builds(Duration, st.integers(-(2**63), 2**63 - 1))
    | st.just(OPAQUE)
    | st.lists(st.text(max_size=3), max_size=3).map(
        lambda items: TypedSlice("string", tuple(items))
    )
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(RawList)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3).map(RawMap)
    ),
    max_leaves=6,
)


@given(st.sampled_from(list(K)), values)
def test_any_value_converts_or_is_refused(kind: K, value: Value) -> None:
    """Whatever the kind and the value, the outcome is a value or an evaluation error."""
    with suppress(OttlEvaluationError):
        convert(kind, value)
