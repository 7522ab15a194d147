"""Text to tokens (spec/ottl.md 1.1, 1.2).

The rules are tried in order and the first that matches is taken, not the longest.
"""

from __future__ import annotations

import math
import re
from enum import Enum
from typing import NamedTuple

from daemon.ottl.errors import OttlBuildError

MAX_INT64 = 2**63 - 1


class TokenKind(Enum):
    """Kind of a token; the value is how an error message names it."""

    BYTES = "bytes"
    FLOAT = "a float"
    INT = "an int"
    STRING = "a string"
    NIL = "nil"
    NOT = "not"
    OR = "or"
    AND = "and"
    COMPARISON = "a comparison"
    ADD_SUB = "+ or -"
    MULT_DIV = "* or /"
    BOOLEAN = "true or false"
    EQUAL = "="
    PUNCT = "punctuation"
    UPPERCASE = "a function name"
    LOWERCASE = "a path"
    BLANK = "a blank"
    END = "the end"


LiteralValue = None | bool | int | float | str | bytes


class Token(NamedTuple):
    """One token: its text as written, the value of a literal, and the character where it begins."""

    kind: TokenKind
    text: str
    value: LiteralValue
    offset: int


_RULES: tuple[tuple[TokenKind, str], ...] = (
    (TokenKind.BYTES, r"0x[a-fA-F0-9]+"),
    (TokenKind.FLOAT, r"(?:\d+\.\d*|\d*\.\d+)(?:[eE][-+]?\d+)?"),
    (TokenKind.INT, r"\d+"),
    (TokenKind.STRING, r'"(?:\\.|[^\\"])*"'),
    # The specification's leading \b is left out: a keyword's start always is a boundary of the rest of the text.
    (TokenKind.NIL, r"nil\b"),
    (TokenKind.NOT, r"not\b"),
    (TokenKind.OR, r"or\b"),
    (TokenKind.AND, r"and\b"),
    (TokenKind.COMPARISON, r"==|!=|>=|<=|>|<"),
    (TokenKind.ADD_SUB, r"[-+]"),
    (TokenKind.MULT_DIV, r"[*/]"),
    (TokenKind.BOOLEAN, r"(?:true|false)\b"),
    (TokenKind.EQUAL, r"="),
    (TokenKind.PUNCT, r"[(){}:,.\[\]]"),
    (TokenKind.UPPERCASE, r"[A-Z][A-Z0-9_]*"),
    (TokenKind.LOWERCASE, r"[a-z][a-z0-9_]*"),
    (TokenKind.BLANK, r"[ \t\n\f\r]+"),
)
_TOKEN = re.compile("|".join(f"(?P<{kind.name}>{rule})" for kind, rule in _RULES), re.ASCII)
_ESCAPE = re.compile(
    r'\\(?:(?P<simple>[abfnrtv\\"])|x(?P<hex>[0-9a-fA-F]{2})|(?P<octal>[0-7]{3})'
    r"|u(?P<short>[0-9a-fA-F]{4})|U(?P<long>[0-9a-fA-F]{8})|(?P<other>.))"
)
_SIMPLE_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    '"': '"',
}
_HINTS = {
    "'": "strings are written in double quotes",
    "`": "strings are written in double quotes",
    "&": "write 'and'",
    "|": "write 'or'",
    "!": "write 'not'",
    '"': "the string is not closed, or a backslash stands before its last quote",
    "#": "conditions have no comments",
    "%": "there is no such operator",
}


def tokenize(text: str) -> list[Token]:
    """Return the tokens of `text` without blanks, closed by an END token.

    Raises:
        OttlBuildError: a character that begins no token, an unknown escape, a number out of range.
    """
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise _unexpected(text, position)
        kind = TokenKind[match.lastgroup]
        if kind is not TokenKind.BLANK:
            tokens.append(Token(kind, match[0], _value(kind, match[0], position), position))
        position = match.end()
    tokens.append(Token(TokenKind.END, "", None, len(text)))
    return tokens


def _unexpected(text: str, position: int) -> OttlBuildError:
    character = text[position]
    hint = _HINTS.get(character)
    message = f"unexpected {character!r}"
    return OttlBuildError(f"{message}: {hint}" if hint else message, position)


def _value(kind: TokenKind, text: str, offset: int) -> LiteralValue:
    match kind:
        case TokenKind.STRING:
            return _ESCAPE.sub(lambda match: _unescape(match, offset), text[1:-1])
        case TokenKind.INT:
            return _int(text, offset)
        case TokenKind.FLOAT:
            return _float(text, offset)
        case TokenKind.BYTES:
            return _bytes(text, offset)
        case TokenKind.BOOLEAN:
            return text == "true"
        case _:
            return None


def _int(text: str, offset: int) -> int:
    digits = text.lstrip("0") or "0"
    if len(digits) > 19 or int(digits) > MAX_INT64:
        raise OttlBuildError(f"int out of range: expected at most {MAX_INT64}", offset)
    return int(digits)


def _float(text: str, offset: int) -> float:
    value = float(text)
    if math.isinf(value):
        raise OttlBuildError("float out of range", offset)
    return value


def _bytes(text: str, offset: int) -> bytes:
    if len(text) % 2:
        raise OttlBuildError("bytes need an even number of hex digits", offset)
    return bytes.fromhex(text[2:])


def _unescape(match: re.Match[str], offset: int) -> str:
    simple = match["simple"]
    if simple:
        return _SIMPLE_ESCAPES[simple]
    digits = match["hex"] or match["short"] or match["long"]
    code = int(match["octal"], 8) if match["octal"] else int(digits, 16) if digits else None
    surrogate = code is not None and 0xD800 <= code <= 0xDFFF
    if code is None or surrogate or code > (0xFF if match["octal"] else 0x10FFFF):
        raise OttlBuildError(
            f"unknown escape {match[0]} in a string: to mean the backslash itself write it twice, and in YAML put the"
            " condition in single quotes or below |",
            offset + 1 + match.start(),
        )
    return chr(code)
