"""Walking over a query's tokens: look, take, or complain at the right place."""

from __future__ import annotations

from typing import NoReturn

from query.errors import QuerySyntaxError
from query.lexer import Kind, Token

MAX_NESTING = 64
"""Parentheses, calls and signs within each other: above any real query; a call takes 7 of Python's 1000 frames."""
MAX_OPERATORS = 128
"""Infix operators of one query: a chain of them is a tree as deep as it is long."""


class Cursor:
    """A place in a list of tokens whose last is END; the base of the parser."""

    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.at = 0
        self.nesting = 0
        self.operators = 0

    @property
    def next(self) -> Token:
        """The token ahead."""
        return self.tokens[self.at]

    def word(self) -> str:
        """Return the next token in lower case if it is a name or operator, else an empty text."""
        token = self.next
        return token.text.lower() if token.kind in {Kind.NAME, Kind.OPERATOR} else ""

    def take(self) -> Token:
        """Step over the token ahead and return it; END stays."""
        token = self.tokens[self.at]
        self.at = min(self.at + 1, len(self.tokens) - 1)
        return token

    def take_word(self, word: str) -> bool:
        """Step over a keyword, in any case, and return whether it was there."""
        found = self.next.kind is Kind.NAME and self.next.text.lower() == word
        if found:
            self.take()
        return found

    def take_operator(self, text: str) -> bool:
        """Step over an operator and return whether it was there."""
        found = self.next.kind is Kind.OPERATOR and self.next.text == text
        if found:
            self.take()
        return found

    def expect(self, text: str, wanted: str) -> Token:
        """Step over an operator that must be there."""
        token = self.next
        if not self.take_operator(text):
            self.reject(token, wanted)
        return token

    def enter(self, token: Token) -> None:
        """Count one more level of nesting, which `token` opens."""
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            self.fail(token, f"the query is nested more than {MAX_NESTING} deep")

    def count_operator(self, token: Token) -> None:
        """Count one more infix operator."""
        self.operators += 1
        if self.operators > MAX_OPERATORS:
            self.fail(token, f"the query has more than {MAX_OPERATORS} operators")

    def reject(self, token: Token, wanted: str) -> NoReturn:
        """Complain that something else was expected than `token`."""
        self.fail(token, f"expected {wanted}, got {token}")

    def fail(self, token: Token, message: str) -> NoReturn:
        """Complain about `token`."""
        raise QuerySyntaxError(self.text, token.span, message)
