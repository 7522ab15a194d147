"""Key path and character inside a value to line and column."""

from __future__ import annotations

import pytest

from daemon.config.document import parse_document
from daemon.config.errors import ConfigError, UnknownKeyError
from daemon.config.marks import Place, format_path


def place(text: str, needle: str, environ: dict[str, str] | None = None) -> tuple[int, int]:
    """Return where the value at `a` says that `needle`, looked up in the value, stands in the file."""
    document = parse_document("f", text, environ or {})
    assert isinstance(document.value, dict)
    value = document.value["a"]
    assert isinstance(value, str)
    return document.marks.place(("a",), value.index(needle))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a: one two HERE", (1, 12), id="plain"),
        pytest.param("a: one\n  two\n\n  HERE", (4, 3), id="plain over lines"),
        pytest.param("a: 'it''s ''x'' HERE'", (1, 17), id="single quoted"),
        pytest.param(
            'a: "\\"x\\" \\n\\t \\x41\\u00e4 HERE"', (1, 27), id="double quoted with escapes"
        ),
        pytest.param('a: "one \\\n   two HERE"', (2, 8), id="double quoted, folded by hand"),
        pytest.param("b: 1\na: |\n    one\n      two HERE\n", (4, 11), id="literal block"),
        pytest.param("a: |2\n    one\n  HERE\n", (3, 3), id="literal block, indent given"),
        pytest.param(
            "a: |- # a comment HERE\n\n\n  one\n  HERE", (5, 3), id="literal block, blank lines"
        ),
        pytest.param("a: >\n  one\n  two\n\n    three\n  HERE\n", (6, 3), id="folded block"),
        pytest.param("a: >-\r\n  one\r\n  two HERE\r\n", (3, 7), id="carriage returns"),
        pytest.param(
            "b: &x |\n  one\n  HERE\na: *x\n", (3, 3), id="alias: where the text is written"
        ),
        pytest.param("a: $$$$ ${env:X} HERE", (1, 18), id="behind expansions"),
        pytest.param(
            "a: |\n  ${env:X}${env:X}\n  $$HERE", (3, 5), id="behind expansions, in a block"
        ),
        pytest.param("a: 1 ${env:Y}", (1, 6), id="inside what a reference gave"),
    ],
)
def test_offset(text: str, expected: tuple[int, int]) -> None:
    """A character of a value is found in the file in every style YAML has for text."""
    assert place(text, "HERE", {"X": "a rather long value", "Y": "so HERE"}) == expected


def test_end_of_value() -> None:
    """Behind the last character is the column behind it."""
    marks = parse_document("f", "a: |\n  one\n  two\n", {}).marks
    assert marks.place(("a",), 8) == Place(3, 6)


TEXT = """\
top:
  - name: x
    empty:
    deep: {one: 1}
"""


@pytest.mark.parametrize(
    ("path", "at_key", "expected"),
    [
        ((), False, (1, 1)),
        (("top",), False, (1, 1)),
        (("top", 0), False, (2, 5)),
        (("top", 0, "name"), False, (2, 11)),
        (("top", 0, "name"), True, (2, 5)),
        (("top", 0, "empty"), False, (3, 5)),
        (("top", 0, "deep"), False, (4, 5)),
        (("top", 0, "deep", "one"), False, (4, 17)),
        (("top", 0, "missing"), False, (2, 5)),
        (("elsewhere", "x"), False, (1, 1)),
    ],
)
def test_place(path: tuple[str | int, ...], at_key: bool, expected: tuple[int, int]) -> None:
    """A scalar stands where its value does, a container where its key does; what is missing, where it would be."""
    assert parse_document("f", TEXT, {}).marks.place(path, at_key=at_key) == expected


def test_render() -> None:
    """An unknown key is shown at the key, any other mistake at the value."""
    marks = parse_document("f.yaml", "a: {b: 1}", {}).marks
    assert [
        marks.render(ConfigError(("a", "b"), "expected text")),
        marks.render(UnknownKeyError(("a", "b"), "unknown key")),
        marks.render(ConfigError((), "expected more")),
    ] == [
        "f.yaml:1:8: a.b: expected text",
        "f.yaml:1:5: a.b: unknown key",
        "f.yaml:1:1: expected more",
    ]


def test_below() -> None:
    """Below a root, paths leave it out; what stands beside it is found too."""
    marks = parse_document("f", "x: {y: {a: 1}}\nz: 1", {}).marks.below(("x", "y"))
    assert [marks.render(ConfigError(path, "no")) for path in (("a",), ("z",))] == [
        "f:1:12: a: no",
        "f:2:4: z: no",
    ]


def test_format_path() -> None:
    """Keys are joined by dots, indexes stand in brackets."""
    assert (
        format_path(("processors", "filter/x", "metrics", 0, "a"))
        == "processors.filter/x.metrics[0].a"
    )
