"""Converters of `letters`: every row was answered so by the collector v0.153.0 unless a test says otherwise."""

from __future__ import annotations

import pytest

from daemon.ottl.errors import OttlError
from daemon.ottl.values import Value
from tests.daemon.ottl.functions.calling import Row, call, identify, same

ROWS: list[Row] = [
    ("ToSnakeCase", ("HTTPServerName",), "http_server_name"),
    ("ToSnakeCase", ("some-name with.dots",), "some_name_with_dots"),
    ("ToSnakeCase", ("name2Foo3",), "name_2_foo_3"),
    ("ToSnakeCase", ("ABC",), "abc"),
    ("ToSnakeCase", (" a b ",), "a_b"),
    ("ToSnakeCase", ("a__b",), "a__b"),
    ("ToSnakeCase", ("éTé",), "été"),
    ("ToSnakeCase", ("numbers2and55with000",), "numbers_2_and_55_with_000"),
    ("ToSnakeCase", ("JSONData",), "json_data"),
    ("ToSnakeCase", ("userID",), "user_id"),
    ("ToSnakeCase", ("AAAbbb",), "aa_abbb"),
    ("ToSnakeCase", ("1A2",), "1_a_2"),
    ("ToCamelCase", ("my_metric",), "MyMetric"),
    ("ToCamelCase", ("my-metric.name x",), "MyMetricNameX"),
    ("ToCamelCase", ("myMetric",), "MyMetric"),
    ("ToCamelCase", ("MY_METRIC",), "MyMetric"),
    ("ToCamelCase", ("id",), "Id"),
    ("ToCamelCase", ("ID",), "Id"),
    ("ToCamelCase", ("numbers2And55with000",), "Numbers2And55With000"),
    ("ToCamelCase", ("odd-fix",), "OddFix"),
    ("ToCamelCase", ("  a b ",), "AB"),
    ("ToCamelCase", ("é_é",), ""),
    ("ToCamelCase", ("_a_",), "A"),
    ("ConvertCase", ("", "camel"), ""),
    ("ToUpperCase", ("straße ŉ ᾳ",), "STRAßE ŉ ᾼ"),
    ("ToLowerCase", ("ΣΑΣ İ",), "σασ i"),  # noqa: RUF001
]

ERRORS: list[tuple[str, tuple[Value, ...]]] = [
    ("ConvertCase", ("Some", "other")),
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
