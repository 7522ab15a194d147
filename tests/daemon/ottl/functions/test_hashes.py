"""Converters of `hashes`: every row was answered so by the collector v0.153.0 unless a test says otherwise."""

from __future__ import annotations

import pytest

from daemon.ottl.values import Value
from tests.daemon.ottl.functions.calling import Row, call, identify, same

ROWS: list[Row] = [
    ("MD5", ("a",), "0cc175b9c0f1b6a831c399e269772661"),
    ("SHA1", ("a",), "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
    ("SHA256", ("",), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (
        "SHA512",
        ("é",),
        "9e2ad28633f24451bd4f3c1cb20586a21a44c3aeedbdc01b9cc8fa72917ea7bd689c82b8bf1fef89b911cf8cc46fa2c1ccc10087b2094fd4d3350ecd88526a2c",
    ),
    ("FNV", ("name",), -4270347329889690746),
    ("FNV", ("",), -3750763034362895579),
    ("Murmur3Hash", ("Hello World",), "ce837619"),
    ("Murmur3Hash", ("",), "00000000"),
    ("Murmur3Hash128", ("Hello World",), "dbc2a0c1ab26631a27b4c09fcf1fe683"),
    ("Murmur3Hash128", ("",), "00000000000000000000000000000000"),
    ("XXH3", ("hello",), "9555e8555c62dcfd"),
    ("XXH3", ("",), "2d06800538d394c2"),
    ("XXH128", ("hello",), "b5e9c1ad071b3e7fc779cfaa5e523818"),
    ("XXH128", ("",), "99aa06d3014798d86001c324468d497f"),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), ROWS, ids=identify)
def test_answers(name: str, arguments: tuple[Value, ...], expected: Value) -> None:
    """Each function answers as the collector does, kind for kind."""
    assert same(call(name, *arguments), expected)
