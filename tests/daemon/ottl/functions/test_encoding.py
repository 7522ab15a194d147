"""Converters of `encoding`: every row was answered so by the collector v0.153.0 unless a test says otherwise."""

from __future__ import annotations

import pytest

from daemon.ottl.errors import OttlError
from daemon.ottl.values import Value
from tests.daemon.ottl.functions.calling import Row, call, call_computed, identify, same

ROWS: list[Row] = [
    ("Base64Encode", ("a?>~é",), "YT8+fsOp"),
    ("Base64Encode", ("a?>~é", "base64-raw"), "YT8+fsOp"),
    ("Base64Encode", ("a?>~é", "base64-url"), "YT8-fsOp"),
    ("Base64Encode", ("a?>~é", "base64-raw-url"), "YT8-fsOp"),
    ("Base64Decode", ("YQ==",), "a"),
    ("Base64Decode", ("YQ==\n",), "a"),
    ("Base64Decode", ("/w==",), "\udcff"),
    ("Base64Decode", ("YR==",), "a"),
    ("Base64Decode", ("",), ""),
    ("Decode", ("YQ==", "base64"), "a"),
    ("Decode", ("YQ", "base64-raw"), "a"),
    ("Decode", ("_w", "base64-raw-url"), "\udcff"),
    ("Decode", ("YQ==\n", "base64"), "a"),
    ("Decode", ("Y\nQ==", "base64"), "a"),
    ("Decode", ("YQ==", "base64-url"), "a"),
    ("Decode", ("a", "utf-8"), "a"),
    ("Decode", ("a", "us-ascii"), "a"),
    ("Decode", ("é", "us-ascii"), "é"),
    ("Decode", ("é", "latin1"), "Ã©"),
    ("Decode", ("é", "ISO-8859-1"), "Ã©"),
    ("Decode", ("é", "windows-1252"), "Ã©"),
    ("Decode", ("ab", "utf-16"), "扡"),
    ("Decode", ("ab", "utf-16be"), "慢"),
    ("Decode", ("abc", "utf-16"), "扡�"),
    ("Decode", ("a", ""), "a"),
    ("Decode", ("a", "nop"), "a"),
    ("Decode", ("a", "utf-8-raw"), "a"),
    ("Decode", ("a", "Shift_JIS"), "a"),
    ("Decode", ("a", "gbk"), "a"),
]

ERRORS: list[tuple[str, tuple[Value, ...]]] = [
    ("Base64Encode", ("a", "x")),
    ("Base64Decode", ("YQ",)),
    ("Base64Decode", ("Y Q==",)),
    ("Base64Decode", (" YQ==",)),
    ("Decode", ("YQ==", "base64-raw")),
    ("Decode", ("Y Q==", "base64")),
    ("Decode", ("a", "nope")),
    ("Decode", (1, "utf-8")),
    ("Decode", (None, "utf-8")),
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


def test_computed_encoding() -> None:
    """An encoding known at run time only is looked up then."""
    assert call_computed("Decode", b"\xe9", "iso-8859-1") == "é"


@pytest.mark.parametrize(
    "name", ["rot13", "zlib", "hex", "idna", "unicode_escape", "undefined", "x" * 100, "\0"]
)
def test_transforms_are_no_charsets(name: str) -> None:
    """Python's own transforms are no character sets and stop the start."""
    with pytest.raises(OttlError):
        call("Decode", "a", name)
