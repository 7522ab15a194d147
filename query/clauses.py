"""The parts of the grammar without expressions in them: selectors, lists of labels, times."""

from __future__ import annotations

from query.duration_clauses import DurationParser
from query.errors import QuerySyntaxError, RegexError
from query.labels import METRIC_NAME, Matcher, MatchOp
from query.lexer import Kind, Token
from query.regex import build_matcher
from query.syntax import At, AtEdge, VectorSelector
from query.text import Span

_MAX_TIME_MS = 2**53
"""Largest Unix time that a float still holds to the millisecond."""
MAX_REGEXES = 100
"""Of one query: RE2 takes up to a millisecond to compile one."""


class ClauseParser(DurationParser):
    """Takes these parts from the tokens; the base of the parser (promql.md 2.2)."""

    _regexes = 0
    """How many regular expressions were read so far."""

    def selector(self, name: Token | None) -> VectorSelector:
        """Take the braces behind a name, if there are any, or a selector that has no name before them."""
        start = name or self.next
        equal = [self._matcher(METRIC_NAME, MatchOp.EQUAL, name)] if name else []
        others: list[Matcher] = []
        if self.take_operator("{"):
            while self.next.text != "}":
                matcher, token = self._braced_matcher()
                is_name = matcher.name == METRIC_NAME
                if is_name and name:
                    self.fail(token, "the metric name must not be given twice")
                first = is_name and matcher.op is MatchOp.EQUAL and not equal
                (equal if first else others).append(matcher)
                if not self.take_operator(","):
                    break
            self.expect("}", "',' or '}'")
        span = Span(start.span.start, self.tokens[self.at - 1].span.end)
        matchers = (*equal, *others)
        if all(matcher.accepts("") for matcher in matchers):
            message = "a selector needs a metric name or a matcher that refuses the empty value"
            raise QuerySyntaxError(self.text, span, message)
        return VectorSelector(matchers=matchers, span=span)

    def _braced_matcher(self) -> tuple[Matcher, Token]:
        token = self.take()
        if token.kind not in {Kind.NAME, Kind.STRING}:
            self.reject(token, "a label name or '}'")
        op = self.next
        if op.kind is Kind.OPERATOR and op.text in {"=", "!=", "=~", "!~"}:
            self.take()
            value = self.take()
            if value.kind is not Kind.STRING:
                self.reject(value, "a label value in quotes")
            return self._matcher(self._label(token), MatchOp(op.text), value), token
        if token.kind is Kind.NAME:
            self.reject(op, "one of = != =~ !~")
        return self._matcher(METRIC_NAME, MatchOp.EQUAL, token), token

    def _matcher(self, label: str, op: MatchOp, value: Token) -> Matcher:
        content = str(value.value) if value.kind is Kind.STRING else value.text
        if op in {MatchOp.REGEX, MatchOp.NOT_REGEX}:
            self._regexes += 1
            if self._regexes > MAX_REGEXES:
                problem = f"more than {MAX_REGEXES} regular expressions in one query"
                raise QuerySyntaxError(self.text, value.span, problem)
        try:
            return build_matcher(label, op, content)
        except RegexError as error:
            raise QuerySyntaxError(self.text, value.span, str(error)) from error

    def _label(self, token: Token) -> str:
        """Return the label name that a token stands for."""
        if token.kind is Kind.STRING and token.value:
            return str(token.value)
        if token.kind is Kind.STRING or ":" in token.text:
            self.reject(token, "a label name")
        return token.text

    def labels(self) -> tuple[str, ...]:
        """Take `(label, ...)`, perhaps with a trailing comma."""
        self.expect("(", "'(' and label names")
        labels: list[str] = []
        while self.next.text != ")":
            token = self.take()
            if token.kind not in {Kind.NAME, Kind.STRING}:
                self.reject(token, "a label name or ')'")
            labels.append(self._label(token))
            if not self.take_operator(","):
                break
        self.expect(")", "',' or ')'")
        return tuple(labels)

    def unix_time(self) -> At:
        """Take what stands behind `@`."""
        word = self.word()
        if word in {"start", "end"}:
            self.take()
            self.expect("(", "'('")
            self.expect(")", "')'")
            return AtEdge(f"{word}()")
        sign = -1 if self._sign() == "-" else 1
        token = self.take()
        if token.kind not in {Kind.NUMBER, Kind.DURATION}:
            self.reject(token, "a Unix time in seconds, start() or end()")
        return sign * self.milliseconds(token, _MAX_TIME_MS)
