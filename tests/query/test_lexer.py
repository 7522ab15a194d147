from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.errors import QuerySyntaxError
from query.lexer import MAX_TEXT_LENGTH, MAX_TOKENS, Kind, NameForm, tokenize


def read(text: str, form: NameForm = NameForm.PROMQL) -> list[str | float]:
    """Return a text's tokens: the value of literals, the text of the others."""
    tokens = tokenize(text, form)
    assert tokens[-1].kind is Kind.END
    literal = {Kind.NUMBER, Kind.DURATION, Kind.STRING}
    return [token.value if token.kind in literal else token.text for token in tokens[:-1]]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5),
        ("1e3", 1000),
        ("1.5E-2", 0.015),
        ("0x1F", 31),
        ("0Xf_f", 255),
        ("1_000", 1000),
        ("1_000.5", 1000.5),
        ("010", 8),
        ("0_10", 8),
        ("09", 9),
        ("010.5", 10.5),
        ("00", 0),
        ("inf", float("inf")),
        ("InF", float("inf")),
        ("1m30s", 90_000),
        ("1y2w3d4h5m6s7ms", 33_019_506_007),
        ("5ms", 5),
        ("0s", 0),
    ],
)
def test_numbers_and_durations(text: str, value: float) -> None:
    """Numbers are decimal, hexadecimal or octal, durations come as milliseconds (promql.md 2.2)."""
    assert read(text) == [value]


@pytest.mark.parametrize(
    "text",
    [
        "1x",
        "5m5",
        "1s1m",
        "1m1m",
        "1.5m",
        "0x",
        "0xg",
        "1__0",
        "1_",
        "1e",
        "1e5x",
        "1..2",
        "1.2.3",
        "300y",
        "1e999",
        "0x" + "f" * 300,
    ],
)
def test_bad_numbers(text: str) -> None:
    """Units out of order, twice, or after a fraction, lone underscores and what overflows are errors."""
    with pytest.raises(QuerySyntaxError):
        tokenize(text)


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ('"a"', "a"),
        ("'a\"b'", 'a"b'),
        (r'"\a\b\f\n\r\t\v\\\""', '\a\b\f\n\r\t\v\\"'),
        (r"'\''", "'"),
        (r'"\x41\101\u0041\U00000041"', "AAAA"),
        (r'"\xc3\xa9\303\251"', "éé"),
        ("`a\\n\"'\nb`", "a\\n\"'\nb"),
        ('""', ""),
        ('"ä😀"', "ä😀"),
    ],
)
def test_strings(text: str, content: str) -> None:
    """Strings have Go's escapes, backticks have none but newlines (promql.md 2.2)."""
    assert read(text) == [content]


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ('x{a="b', 'the string has no closing "', 4),
        ('"a\nb"', 'the string has no closing "', 0),
        (r'"a\"', 'the string has no closing "', 0),
        (r'"ab\q"', r"unknown escape, a backslash itself is written \\", 3),
        (r'"\x4"', r"unknown escape, a backslash itself is written \\", 1),
        (r'"\400"', r"unknown escape, a backslash itself is written \\", 1),
        (r'"\U00110000"', r"unknown escape, a backslash itself is written \\", 1),
        ('"\\\'"', r"unknown escape, a backslash itself is written \\", 1),
        (r'"\xff"', "the string is not UTF-8", 0),
        (r'"\ud800"', "the string is not UTF-8", 0),
        ("a \ud800", "a lone surrogate is no character", 2),
        ("a $ b", "unexpected character '$'", 2),
        ("a ! b", "unexpected character '!'", 2),
        ("x{a:b}", "unexpected character ':' inside braces", 3),
        ("a.b", "unexpected character '.'", 1),
        ("٣", "unexpected character '٣'", 0),
    ],
)
def test_bad_characters(text: str, message: str, column: int) -> None:
    """What is no token is refused where it stands."""
    with pytest.raises(QuerySyntaxError) as caught:
        tokenize(text)
    assert (caught.value.message, caught.value.span.start) == (message, column)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a:b{c=~'d'}", ["a:b", "{", "c", "=~", "d", "}"]),
        ("a[5m:1m]", ["a", "[", 300_000, ":", 60_000, "]"]),
        ("a[5m:]", ["a", "[", 300_000, ":", "]"]),
        ("a<=b!=c==d", ["a", "<=", "b", "!=", "c", "==", "d"]),
        ("a-b/c", ["a", "-", "b", "/", "c"]),
        ("a # b\n + c#d", ["a", "+", "c"]),
        ("{inf='x'}", ["{", "inf", "=", "x", "}"]),
    ],
)
def test_context(text: str, tokens: list[str | float]) -> None:
    """A colon is part of a name, but not in brackets; inside braces there are no numbers."""
    assert read(text) == tokens


@pytest.mark.parametrize(
    ("text", "form", "tokens"),
    [
        ("a.b/c", NameForm.DOTTED, ["a.b", "/", "c"]),
        ("a.b/c-d", NameForm.SLASHED, ["a.b/c-d"]),
        ("a / b", NameForm.SLASHED, ["a", "/", "b"]),
        ("x{a.b/c-d=e}", NameForm.DOTTED, ["x", "{", "a.b/c-d", "=", "e", "}"]),
        (
            "x{a= b c , d=~ e.* }",
            NameForm.DOTTED,
            ["x", "{", "a", "=", "b c", ",", "d", "=~", "e.*", "}"],
        ),
        ("x{a=,b=}", NameForm.DOTTED, ["x", "{", "a", "=", "", ",", "b", "=", "", "}"]),
        ("x{a=#b}", NameForm.DOTTED, ["x", "{", "a", "=", "#b", "}"]),
        ("x{a= 'b,}' }", NameForm.DOTTED, ["x", "{", "a", "=", "b,}", "}"]),
    ],
)
def test_name_forms(text: str, form: NameForm, tokens: list[str | float]) -> None:
    """The add-on's names and values are tokens where that form is asked for (promql.md 3.3, E1 to E3)."""
    assert read(text, form) == tokens


def test_length_limit() -> None:
    """A megabyte is refused at once, by its length."""
    start = time.process_time()
    with pytest.raises(QuerySyntaxError, match=f"the limit is {MAX_TEXT_LENGTH}"):
        tokenize("x" * 1_000_000)
    assert time.process_time() - start < 0.5


def test_token_limit() -> None:
    """As many tokens as the limit allows are read, and the end; one more is refused where it stands."""
    assert len(tokenize("(" * MAX_TOKENS)) == MAX_TOKENS + 1
    with pytest.raises(QuerySyntaxError) as caught:
        tokenize("(" * MAX_TEXT_LENGTH)
    assert (caught.value.span.start, caught.value.message) == (
        MAX_TOKENS + 1,
        f"the query has more than {MAX_TOKENS} names, values and signs",
    )


@given(st.text(max_size=60), st.sampled_from(NameForm))
def test_any_text(text: str, form: NameForm) -> None:
    """Any text is tokens, which stand in order within the text, or a QuerySyntaxError."""
    with suppress(QuerySyntaxError):
        spans = [token.span for token in tokenize(text, form)]
        assert spans == sorted(spans)
        assert spans[-1].end == len(text)
