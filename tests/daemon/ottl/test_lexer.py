"""Tokens: the rules in their order, literals, and what begins no token."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.ottl.errors import OttlBuildError
from daemon.ottl.lexer import TokenKind, tokenize


def kinds(text: str) -> str:
    return " ".join(token.kind.name for token in tokenize(text)[:-1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0x1f 0X1F", "BYTES INT UPPERCASE"),
        ("1. .5 1.e3 1.5e-3 007", "FLOAT FLOAT FLOAT FLOAT INT"),
        ("1e3", "INT LOWERCASE"),
        ("-1", "ADD_SUB INT"),
        ("1and 2or", "INT AND INT OR"),
        ('"x"and', "STRING AND"),
        ("nilx order nottrue truex or_x", "LOWERCASE LOWERCASE LOWERCASE LOWERCASE LOWERCASE"),
        ("nil not or and true false", "NIL NOT OR AND BOOLEAN BOOLEAN"),
        ("AND Nil", "UPPERCASE UPPERCASE LOWERCASE"),
        ("== != >= <= > < =", "COMPARISON " * 6 + "EQUAL"),
        ("+ - * /", "ADD_SUB ADD_SUB MULT_DIV MULT_DIV"),
        ("(){}:,.[]", "PUNCT " * 8 + "PUNCT"),
        ("isMatch", "LOWERCASE UPPERCASE LOWERCASE"),
        ("a\t\n\f\r b", "LOWERCASE LOWERCASE"),
    ],
)
def test_rules(text: str, expected: str) -> None:
    """The first rule that matches is taken, and keywords end at a word boundary."""
    assert kinds(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'"\a\b\f\n\r\t\v\\\""', '\a\b\f\n\r\t\v\\"'),
        (r'"\x41\101\u0041\U00000041"', "AAAA"),
        (r'"\xff\377"', "ÿÿ"),
        ('"a\nb"', "a\nb"),
        ('"é中"', "é中"),
        ("9223372036854775807", 2**63 - 1),
        ("0000000000000000000000007", 7),
        ("1.5e3", 1500.0),
        ("0x01aB", b"\x01\xab"),
        ("true", True),
        ("nil", None),
    ],
)
def test_literals(text: str, expected: object) -> None:
    """A literal's value is what was written, escapes resolved."""
    assert [token.value for token in tokenize(text)] == [expected, None]


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("a 'b'", 2),
        ("a && b", 2),
        ("a || b", 2),
        ("!a", 0),
        ("a % b", 2),
        ("a; b", 1),
        ("`a`", 0),
        ("a # b", 2),
        ("a\x0bb", 1),
        ("a\xa0b", 1),
        ("\ufeffa", 0),
        ("a\x00", 1),
        ("é", 0),
        ("٣", 0),
        ('"a', 0),
        ('"a\\', 0),
        ('"a\\\nb"', 0),
        (r'"a\."', 2),
        (r'"\d"', 1),
        (r'"\0"', 1),
        (r'"\'"', 1),
        (r'"\x4"', 1),
        (r'"\400"', 1),
        (r'"\ud800"', 1),
        (r'"\U00110000"', 1),
        ("9223372036854775808", 0),
        ("1" * 5000, 0),
        ("1" * 400 + ".", 0),
        ("0x123", 0),
        ("1_000", 1),
    ],
)
def test_what_is_no_token(text: str, offset: int) -> None:
    """The error names the character where the mistake is."""
    with pytest.raises(OttlBuildError) as raised:
        tokenize(text)
    assert raised.value.offset == offset


def test_hints() -> None:
    """Habits of other languages are told what to write instead."""
    with pytest.raises(OttlBuildError, match="write 'and'"):
        tokenize("a && b")


@given(st.text())
def test_any_text(text: str) -> None:
    """Any text gives tokens that stand where they say, or the documented error."""
    try:
        tokens = tokenize(text)
    except OttlBuildError:
        return
    assert all(text.startswith(token.text, token.offset) for token in tokens)
    assert [token.kind is TokenKind.END for token in tokens] == [False] * (len(tokens) - 1) + [True]
