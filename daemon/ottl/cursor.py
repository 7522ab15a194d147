"""A place among the tokens, ordered choice and memory: what the parser's rules are written with.

The mismatch furthest to the right is what the error message is about.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, TypeVar

from daemon.ottl.errors import OttlBuildError
from daemon.ottl.lexer import Token, TokenKind

_T = TypeVar("_T")
_Outcome = tuple[object, int] | None
_VALUE_STARTS = ("nil", "a path", "a value", "an enum", "a function name", "'{'", "'['")


_OPTIONAL = (
    "'['",
    "=",
)  # a key or an argument's name is left out of a message where something else may stand


class Mismatch(Exception):  # noqa: N818 (no error: another alternative may match)
    """The alternative at hand does not match here."""


class Cursor:
    """A place among the tokens of one text."""

    def __init__(self, tokens: list[Token]) -> None:
        self.position = 0
        self._tokens = tokens
        self._memory: dict[tuple[str, int], _Outcome] = {}
        self._furthest = 0
        self._expected: list[str] = []

    @property
    def next(self) -> Token:
        """The token at hand."""
        return self._tokens[self.position]

    def advance(self) -> Token:
        """Return the token at hand and step over it."""
        token = self._tokens[self.position]
        self.position += 1
        return token

    def take(self, kind: TokenKind) -> bool:
        """Step over a token of this kind; return whether there was one."""
        taken = self.next.kind is kind
        self.position += taken
        return taken

    def is_punct(self, text: str) -> bool:
        """Return whether the token at hand is this bracket, comma, dot or colon."""
        return self.next.kind is TokenKind.PUNCT and self.next.text == text

    def take_punct(self, text: str) -> bool:
        """Step over this bracket, comma, dot or colon; return whether it was there."""
        taken = self.is_punct(text)
        self.position += taken
        return taken

    def expect(self, kind: TokenKind, called: str = "") -> Token:
        """Return a token of this kind and step over it, else mismatch."""
        if self.next.kind is not kind:
            self.mismatch(called or kind.value)
        return self.advance()

    def expect_one(self, *kinds: TokenKind) -> Token:
        """Return a token of one of these kinds and step over it, else mismatch."""
        if self.next.kind not in kinds:
            self.mismatch("a value")
        return self.advance()

    def expect_punct(self, text: str) -> Token:
        """Return this bracket, comma, dot or colon and step over it, else mismatch."""
        if not self.is_punct(text):
            self.mismatch(f"'{text}'")
        return self.advance()

    # Choosing.

    def first_of(self, *alternatives: Callable[[], _T]) -> _T:
        """Return what the first alternative that matches makes."""
        for alternative in alternatives[:-1]:
            matched = self.optional(alternative)
            if matched is not None:
                return matched
        return alternatives[-1]()

    def optional(self, alternative: Callable[[], _T]) -> _T | None:
        """Return what the alternative makes, or None with the place unmoved."""
        start = self.position
        try:
            return alternative()
        except Mismatch:
            self.position = start
            return None

    def remembered(self, rule: str, parse: Callable[[], _T]) -> _T:
        """Return what the rule makes here, parsed at most once a place."""
        key = (rule, self.position)
        if key not in self._memory:
            node = self.optional(parse)
            self._memory[key] = None if node is None else (node, self.position)
        outcome = self._memory[key]
        if outcome is None:
            raise Mismatch
        self.position = outcome[1]
        return outcome[0]  # type: ignore[return-value] # the rule's name stands for its type

    def mismatch(self, expected: str) -> NoReturn:
        """Give up the alternative at hand, which expected this here."""
        if self.position > self._furthest:
            self._furthest, self._expected = self.position, []
        if self.position == self._furthest and expected not in self._expected:
            self._expected.append(expected)
        raise Mismatch

    def error(self) -> OttlBuildError:
        """Return the error for a text that no alternative matches."""
        token = self._tokens[self._furthest]
        got = "the end" if token.kind is TokenKind.END else f"{token.text!r}"
        expected = " or ".join(self._summary()) or "a condition"
        return OttlBuildError(
            f"expected {expected}, got {got}{self._hint(token, expected)}", token.offset
        )

    def _summary(self) -> list[str]:
        expected = [what for what in self._expected if what not in _OPTIONAL] or self._expected
        if "an enum" not in expected:
            return expected
        return ["a value", *(what for what in expected if what not in _VALUE_STARTS)]

    def _hint(self, token: Token, expected: str) -> str:
        previous = self._tokens[self._furthest - 1]
        if token.kind is TokenKind.EQUAL:
            return ": write == to compare"
        if token.kind is TokenKind.COMPARISON and "'or'" in expected:
            return ": comparisons do not chain"
        if token.kind is TokenKind.NOT and previous.kind is TokenKind.NOT:
            return ": write not (not ...)"
        if token.kind is TokenKind.UPPERCASE and token.text in ("AND", "OR", "NOT"):
            return f": write {token.text.lower()} in lower case"
        return ""
