"""Query text to tokens: PromQL's, and with `NameForm` the add-on's spellings of names and label values.

promql.md 2.2 and 3.3 (E1 to E3). What a character means depends on where it stands: `:` is part of a name, but inside
brackets it parts range and step; inside braces there are label names, strings and match operators only.
"""

from __future__ import annotations

import re
from enum import Enum, StrEnum, auto
from typing import NamedTuple, NoReturn

from query.durations import parse_duration_ms
from query.errors import DurationError, QuerySyntaxError
from query.text import Span

MAX_TEXT_LENGTH = 65_536
"""Characters of a query: a quarter of what Kubernetes allows for all of an object's annotations."""
MAX_TOKENS = 8_192
"""Two thousand matchers; as many take 13 ms, and 65,536 parentheses would hold everybody up for 150 ms."""


class NameForm(Enum):
    """How names, and label values inside braces, may be written."""

    PROMQL = auto()
    DOTTED = auto()
    """Names with dots; inside braces also `/` and `-`, and label values without quotes (E1, E2)."""
    SLASHED = auto()
    """As DOTTED, and metric names with `/` and `-` (E3), which are operators otherwise."""


class Kind(StrEnum):
    """What a token is; the value is how messages call it."""

    NUMBER = "number"
    DURATION = "duration"
    STRING = "string"
    NAME = "name"
    OPERATOR = "operator"
    END = "end of the query"


class Token(NamedTuple):
    """One token; `value` is a number's value, a duration's milliseconds or a string's content."""

    kind: Kind
    text: str
    span: Span
    value: float | str = ""

    def __str__(self) -> str:
        if self.kind is Kind.END:
            return self.kind
        return f"'{self.text}'" if len(self.text) <= 40 else f"'{self.text[:40]}…'"


class Spellings(NamedTuple):
    """How the parts of a selector may be written in any form, as regular expressions that RE2 reads too."""

    name: str
    label: str
    string: str
    match_operator: str


_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)+")
_BLANK_NO_COMMENT = re.compile(r"[ \t\r\n]+")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LABEL_RELAXED = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_NAMES = {
    NameForm.PROMQL: re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*"),
    NameForm.DOTTED: re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*(?:\.[A-Za-z0-9_:]+)*"),
    NameForm.SLASHED: re.compile(r"[A-Za-z_:][A-Za-z0-9_:./-]*"),
}
_OPERATOR = re.compile(r"==|!=|<=|>=|=~|!~|[-+*/%^=<>(){}\[\],@]")
_MATCH_OPERATOR = re.compile(r"=~|!~|!=|=")
_DURATION = re.compile(
    r"(?=[0-9])(?:[0-9]+y)?(?:[0-9]+w)?(?:[0-9]+d)?(?:[0-9]+h)?"
    r"(?:[0-9]+m(?!s))?(?:[0-9]+s)?(?:[0-9]+ms)?(?![A-Za-z0-9_.])"
)
_DIGITS = "[0-9]+(?:_[0-9]+)*"
_NUMBER = re.compile(
    rf"(?:0[xX]_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*|(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?[0-9]+)?)"
    r"(?![A-Za-z0-9_.])"
)
_OCTAL = re.compile(r"0[0-7_]+")
_NUMBER_WORDS = {"inf": float("inf"), "nan": float("nan")}
_WORD = re.compile(r"[A-Za-z0-9_.]+")
_BARE_VALUE = re.compile(r"[^,}]*")
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"' + r"|'(?:[^'\\\n]|\\.)*'" + r"|`[^`]*`")
_ESCAPE = re.compile(
    r"\\(?:(?P<plain>[abfnrtv\\'\"])|x(?P<hex>[0-9a-fA-F]{2})|(?P<octal>[0-7]{3})"
    r"|u(?P<u4>[0-9a-fA-F]{4})|U(?P<u8>[0-9a-fA-F]{8}))|\\"
)
SPELLINGS = Spellings(
    name=_NAMES[NameForm.SLASHED].pattern,
    label=_LABEL_RELAXED.pattern,
    string=f"(?:{_STRING.pattern})",
    match_operator=_MATCH_OPERATOR.pattern,
)
_PLAIN = dict(zip("abfnrtv\\'\"", "\a\b\f\n\r\t\v\\'\"", strict=True))


def tokenize(text: str, form: NameForm = NameForm.PROMQL) -> list[Token]:
    """Return the tokens of a query, an END token last.

    Raises:
        QuerySyntaxError: A character, number or string is malformed, or the text is too long.
    """
    if len(text) > MAX_TEXT_LENGTH:
        message = f"the query has {len(text)} characters, the limit is {MAX_TEXT_LENGTH}"
        raise QuerySyntaxError(text[:80], Span(0, 1), message)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        span = Span(error.start, error.start + 1)
        raise QuerySyntaxError(text, span, "a lone surrogate is no character") from error
    return _Lexer(text, form).run()


class _Lexer:
    """The state of one pass over a text."""

    def __init__(self, text: str, form: NameForm) -> None:
        self.text = text
        self.form = form
        self.at = 0
        self.in_braces = False
        self.in_brackets = False
        self.tokens: list[Token] = []

    def run(self) -> list[Token]:
        while True:
            if blank := _BLANK.match(self.text, self.at):
                self.at = blank.end()
            if self.at >= len(self.text):
                break
            self._next()
        self._add(Kind.END, len(self.text))
        return self.tokens

    def _next(self) -> None:
        char = self.text[self.at]
        if char in "\"'`":
            self._string()
        elif self.in_braces:
            self._inside_braces()
        elif char.isascii() and (char.isdigit() or (char == "." and self._digit_follows())):
            self._number()
        elif self.in_brackets and char == ":":
            self._add(Kind.OPERATOR, self.at + 1)
        elif found := (_LABEL if self.in_brackets else _NAMES[self.form]).match(self.text, self.at):
            self._name(found.end())
        elif found := _OPERATOR.match(self.text, self.at):
            self._operator(found.end())
        else:
            self._unexpected()

    def _inside_braces(self) -> None:
        labels = _LABEL if self.form is NameForm.PROMQL else _LABEL_RELAXED
        if found := labels.match(self.text, self.at):
            self._add(Kind.NAME, found.end())
        elif found := _MATCH_OPERATOR.match(self.text, self.at):
            self._add(Kind.OPERATOR, found.end())
            if self.form is not NameForm.PROMQL:
                self._bare_value()
        elif self.text[self.at] in "{},":
            self._operator(self.at + 1)
        else:
            self._unexpected()

    def _operator(self, end: int) -> None:
        char = self.text[self.at : end]
        if char in "{}":
            self.in_braces = char == "{"
        elif char in "[]":
            self.in_brackets = char == "["
        self._add(Kind.OPERATOR, end)

    def _bare_value(self) -> None:
        """Take the label value behind a match operator if it has no quotes (E1).

        A value that begins with `=` or `~`, or holds a double quote, is more likely a slip than meant.
        """
        if blank := _BLANK_NO_COMMENT.match(self.text, self.at):
            self.at = blank.end()
        if self.text[self.at : self.at + 1] in {'"', "'", "`"}:
            return
        value = self.text[self.at : _end(_BARE_VALUE, self.text, self.at)].rstrip()
        span = Span(self.at, self.at + max(1, len(value)))
        if value.startswith(("=", "~")) or '"' in value:
            raise QuerySyntaxError(
                self.text, span, "a label value like this needs quotes around it"
            )
        self._add(Kind.STRING, self.at + len(value), value)

    def _name(self, end: int) -> None:
        text = self.text[self.at : end]
        number = _NUMBER_WORDS.get(text.lower())
        if number is None:
            self._add(Kind.NAME, end)
        else:
            self._add(Kind.NUMBER, end, number)

    def _number(self) -> None:
        if found := _DURATION.match(self.text, self.at):
            self._duration(found.group())
            return
        if found := _NUMBER.match(self.text, self.at):
            self._add(Kind.NUMBER, found.end(), self._number_value(found.group()))
            return
        span = Span(self.at, _end(_WORD, self.text, self.at))
        raise QuerySyntaxError(
            self.text, span, "expected a number such as 1.5e3 or a duration such as 1h30m"
        )

    def _duration(self, text: str) -> None:
        try:
            value = parse_duration_ms(text)
        except DurationError as error:
            raise QuerySyntaxError(
                self.text, Span(self.at, self.at + len(text)), str(error)
            ) from error
        self._add(Kind.DURATION, self.at + len(text), value)

    def _number_value(self, text: str) -> float:
        """Return a number's value; a leading zero means octal where that parses (promql.md 2.2)."""
        digits = text.replace("_", "")
        try:
            if digits[:2] in {"0x", "0X"}:
                value = float(int(digits, 16))
            else:
                value = float(int(digits, 8)) if _OCTAL.fullmatch(text) else float(digits)
        except OverflowError:
            value = float("inf")
        if value == float("inf"):
            span = Span(self.at, self.at + len(text))
            raise QuerySyntaxError(
                self.text, span, "the number is out of range, write Inf for infinity"
            )
        return value

    def _string(self) -> None:
        found = _STRING.match(self.text, self.at)
        if found is None:
            message = f"the string has no closing {self.text[self.at]}"
            raise QuerySyntaxError(self.text, Span(self.at, self.at + 1), message)
        self._add(Kind.STRING, found.end(), self._content(found.group()))

    def _content(self, quoted: str) -> str:
        r"""Return what a quoted string stands for; escapes are Go's, `\xHH` and `\OOO` being bytes of UTF-8."""
        try:
            if quoted[0] == "`" or "\\" not in quoted:
                return quoted[1:-1]
            out = bytearray()
            at = 1
            for found in _ESCAPE.finditer(quoted, 1, len(quoted) - 1):
                out += quoted[at : found.start()].encode()
                out += self._unescape(found, quoted[0])
                at = found.end()
            return (out + quoted[at:-1].encode()).decode()
        except UnicodeError as error:
            span = Span(self.at, self.at + len(quoted))
            raise QuerySyntaxError(self.text, span, "the string is not UTF-8") from error

    def _unescape(self, found: re.Match[str], quote: str) -> bytes:
        if (plain := found["plain"]) and not (plain in "\"'" and plain != quote):
            return _PLAIN[plain].encode()
        if found["hex"]:
            return bytes([int(found["hex"], 16)])
        if found["octal"] and found["octal"] <= "377":
            return bytes([int(found["octal"], 8)])
        code = int(found["u4"] or found["u8"] or "ffffffff", 16)
        if code > 0x10FFFF:
            span = Span(self.at + found.start(), self.at + max(found.end(), found.start() + 2))
            raise QuerySyntaxError(
                self.text, span, "unknown escape, a backslash itself is written \\\\"
            )
        return chr(code).encode()

    def _digit_follows(self) -> bool:
        following = self.text[self.at + 1 : self.at + 2]
        return following.isascii() and following.isdigit()

    def _unexpected(self) -> NoReturn:
        where = " inside braces" if self.in_braces else ""
        message = f"unexpected character {self.text[self.at]!r}{where}"
        raise QuerySyntaxError(self.text, Span(self.at, self.at + 1), message)

    def _add(self, kind: Kind, end: int, value: float | str = "") -> None:
        if len(self.tokens) > MAX_TOKENS:
            message = f"the query has more than {MAX_TOKENS} names, values and signs"
            raise QuerySyntaxError(self.text, Span(self.at, end), message)
        self.tokens.append(Token(kind, self.text[self.at : end], Span(self.at, end), value))
        self.at = end


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Return where the match of `pattern` at `at` ends, `at` itself without one."""
    found = pattern.match(text, at)
    return found.end() if found else at
