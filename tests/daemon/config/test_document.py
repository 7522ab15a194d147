"""YAML to values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config.document import MAX_CHARACTERS, Document, parse_document


def parse(text: str) -> Document:
    return parse_document(
        "f", text, {"FIVE": "5", "YES": "yes", "LIST": "[a, 1]", "BAD": "[", "T": "a: b: c"}
    )


def mistakes(text: str) -> list[str]:
    document = parse(text)
    return [document.marks.render(error) for error in document.mistakes]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("on", "on"),
        ("null", None),
        ("~", None),
        ("", None),
        ("5", 5),
        ("-5", -5),
        ("007", 7),
        ("0x1F", 31),
        ("0o17", 15),
        ("5.5", 5.5),
        ("1e3", 1000.0),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("!!int '5'", 5),
        ("2026-01-01", "2026-01-01"),
        ("12:30", "12:30"),
        ("${env:FIVE}", 5),
        ("'${env:FIVE}'", 5),
        ("${env:FIVE}s", "5s"),
        ("${env:YES}", "yes"),
        ("${env:LIST}", ["a", 1]),
        ("${env:BAD}", "["),
        ("${env:T}", "a: b: c"),
        ("${env:NOPE}", None),
        ("$${env:FIVE}", "${env:FIVE}"),
    ],
)
def test_scalar(text: str, expected: object) -> None:
    """Values have the types the collector gives them, also those that a reference stands for."""
    assert parse(f"a: {text}").value == {"a": expected}


def test_not_a_number() -> None:
    """`.nan` is a number that is none."""
    value = parse(".nan").value
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x {b: 1, c: 2}\nd: {<<: *x, b: 3}", {"a": {"b": 1, "c": 2}, "d": {"b": 3, "c": 2}}),
        ("a: &x {b: 1}\nd: {<<: [*x, {b: 2, c: 3}]}", {"a": {"b": 1}, "d": {"b": 1, "c": 3}}),
        ("1: a\ntrue: b", {"1": "a", "true": "b"}),
    ],
)
def test_mapping(text: str, expected: object) -> None:
    """Aliases and merge keys work; keys are text."""
    assert (parse(text).value, parse(text).mistakes) == (expected, [])


BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3", ["f:3:1: a: this key stands here twice"]),
        ("{[1]: 2}", ["f:1:2: ?: expected text as a key, got a list or mapping"]),
        ("a: {<<: 1}", ["f:1:9: a.1: expected a mapping behind <<"]),
        ("a: !x 1", ["f:1:4: a: tag !x is not supported"]),
        ("a: !!int x", ["f:1:4: a: expected int, got 'x'"]),
        ("a: !!bool x", ["f:1:4: a: expected bool, got 'x'"]),
        ('a: "\\ud800"', ["f:1:4: a: half of a surrogate pair is no character"]),
        ("a: [b", ["f:1:6: not YAML: expected ',' or ']', but got '<stream end>'"]),
        ("a: b: c", ["f:1:5: not YAML: mapping values are not allowed here"]),
        (
            "a:\n\tb: 1",
            [
                "f:2:1: not YAML: indent with spaces, not tabs (found character '\\t' that cannot start any token)"
            ],
        ),
        (
            "a:\n  b: 1\n - c",
            [
                (
                    "f:3:2: not YAML: this line's indentation fits no list or mapping above "
                    "(expected <block end>, but found '<block sequence start>')"
                )
            ],
        ),
        ("a: 1\n---\nb: 2", ["f:2:1: not YAML: but found another document"]),
        ("a: \x01", ["f:1:4: not YAML: character '\\x01' is not allowed"]),
        ("a: *x", ["f:1:4: not YAML: found undefined alias 'x'"]),
        ("[" * 200 + "]" * 200, ["f:1:66: not YAML: nested deeper than 64 levels"]),
        ("a: &x [*x]", ["f:1:1: more than 100000 values: check the aliases"]),
        (BOMB, ["f:1:1: more than 100000 values: check the aliases"]),
        ("x" * (MAX_CHARACTERS + 1), ["f: larger than 1 MiB"]),
        (
            "a: x${http:y}",
            [
                "f:1:5: a: no scheme 'http': expected ${env:NAME}, ${env:NAME:-default} or ${file:PATH}, or $${ for a literal ${"
            ],
        ),
    ],
    ids=lambda value: str(value)[:30],
)
def test_mistakes(text: str, expected: list[str]) -> None:
    """What is no configuration is refused where it goes wrong; bombs cost nothing."""
    assert mistakes(text) == expected


def test_warnings() -> None:
    """An unset variable is warned of at the value that names it."""
    document = parse("a: 1\nb: x${env:NOPE}")
    assert [document.marks.render(warning) for warning in document.warnings] == [
        "f:2:4: b: environment variable NOPE is not set: taken as empty"
    ]


@given(st.text() | st.text(alphabet="ab:-[]{}&*!|>'\"\\#\n \t${}<~"))
def test_any_text(text: str) -> None:
    """Any text gives values or mistakes, each of which has a place."""
    document = parse(text)
    for error in (*document.mistakes, *document.warnings):
        assert document.marks.place_of(error).line > 0
