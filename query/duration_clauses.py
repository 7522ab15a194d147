"""The grammar of durations: literals, `step()` and `range()`, and arithmetic over them (promql.md 2.2, 4.1)."""

from __future__ import annotations

from typing import NamedTuple

from query.cursor import Cursor
from query.duration_tree import (
    DURATION_FUNCTIONS,
    DurationOperation,
    DurationTree,
    QueryTime,
    depends_on_query,
    duration_ms,
)
from query.durations import MAX_DURATION_MS
from query.errors import DurationError, QuerySyntaxError
from query.lexer import Kind, Token
from query.text import Span

_SIGN_LEVEL = 2
_POWER_LEVEL = 3
_LEVELS = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "^": _POWER_LEVEL}


class Duration(NamedTuple):
    """A duration: its milliseconds, or 0 and how to reckon them once the query's times are known."""

    milliseconds: int
    tree: DurationTree | None = None


class DurationParser(Cursor):
    """Takes durations from the tokens; the base of the parser."""

    def positive_duration(self) -> Duration:
        """Take the arithmetic that stands in brackets; the result must be greater than 0."""
        start = self.next
        tree = self._sum(1)
        return self._duration(tree, start, positive=True)

    def offset_duration(self) -> Duration:
        """Take what stands behind `offset`: one operand, perhaps signed; arithmetic only in parentheses."""
        start = self.next
        sign = self._sign()
        tree = self._operand()
        if sign:
            tree = -tree if isinstance(tree, float) else DurationOperation(sign, None, tree)
        return self._duration(tree, start, positive=False)

    def milliseconds(self, token: Token, limit: int) -> int:
        """Return the milliseconds of a number of seconds or a duration."""
        value = float(token.value) * (1000 if token.kind is Kind.NUMBER else 1)
        if not value <= limit:
            self.fail(token, "the time is out of range")
        return round(value)

    def _duration(self, tree: DurationTree, start: Token, *, positive: bool) -> Duration:
        if depends_on_query(tree):
            return Duration(0, tree)
        try:
            return Duration(self._constant(tree, positive=positive))
        except DurationError as error:
            span = Span(start.span.start, self.tokens[self.at - 1].span.end)
            raise QuerySyntaxError(self.text, span, str(error)) from error

    def _constant(self, tree: DurationTree, *, positive: bool) -> int:
        if not isinstance(tree, float):
            return duration_ms(tree, positive=positive)
        milliseconds = round(tree * 1000)
        if positive and milliseconds <= 0:
            raise DurationError("the duration must be greater than 0")
        return milliseconds

    def _sum(self, lowest: int) -> DurationTree:
        """Take operands joined by operators that bind at least as strongly as `lowest`."""
        sign = self._sign()
        if sign:
            left: DurationTree = DurationOperation(sign, None, self._sum(_POWER_LEVEL))
        else:
            left = self._operand()
        while (level := _LEVELS.get(self._operator(), 0)) >= lowest:
            self.count_operator(self.next)
            op = self.take().text
            right = self._sum(level + (op != "^"))
            left = DurationOperation(op, left, right)
        return left

    def _operand(self) -> DurationTree:
        token = self.take()
        if token.kind in {Kind.NUMBER, Kind.DURATION}:
            self.milliseconds(token, MAX_DURATION_MS)
            return float(token.value) / (1 if token.kind is Kind.NUMBER else 1000)
        if token.text == "(" and token.kind is Kind.OPERATOR:
            self.enter(token)
            tree = self._sum(1)
            self.nesting -= 1
            self.expect(")", "an operator or ')'")
            return tree
        word = token.text.lower() if token.kind is Kind.NAME else ""
        if word in DURATION_FUNCTIONS:
            return self._function(word, token)
        if word not in {"step", "range"}:
            self.reject(token, "a duration such as 5m")
        self.expect("(", "'('")
        self.expect(")", "')'")
        return QueryTime(f"{word}()")

    def _function(self, name: str, token: Token) -> DurationTree:
        self.expect("(", "'('")
        self.enter(token)
        left = self._sum(1)
        self.expect(",", "an operator or ','")
        right = self._sum(1)
        self.nesting -= 1
        self.expect(")", "an operator or ')'")
        return DurationOperation(name, left, right)

    def _operator(self) -> str:
        return self.next.text if self.next.kind is Kind.OPERATOR else ""

    def _sign(self) -> str:
        """Take a sign and return it, or an empty text."""
        if self.take_operator("-"):
            return "-"
        return "+" if self.take_operator("+") else ""
