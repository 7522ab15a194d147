"""PromQL text to an expression tree: precedence climbing over the grammar of promql.md 2.2."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

from query.cursor import Cursor
from query.errors import QuerySyntaxError, RegexError
from query.labels import METRIC_NAME, Matcher, MatchOp
from query.lexer import Kind, NameForm, Token, tokenize
from query.regex import build_matcher
from query.signatures import (
    AGGREGATIONS,
    FUNCTIONS,
    NOT_SUPPORTED,
    NOT_SUPPORTED_AGGREGATIONS,
)
from query.syntax import (
    POWER_PRECEDENCE,
    Aggregation,
    At,
    AtEdge,
    Binary,
    BinaryOp,
    Call,
    Expr,
    Grouping,
    Matching,
    MatrixSelector,
    NumberLiteral,
    Side,
    StringLiteral,
    Subquery,
    Unary,
    UnaryOp,
    VectorSelector,
)
from query.text import Span, nearest
from query.typecheck import check

MAX_NESTING = 100
"""Parentheses, calls and signs within each other: far above any real query, far below Python's recursion limit."""
MAX_OPERATORS = 250
"""Infix operators of one query: a chain of them is a tree as deep as it is long."""
_MAX_TIME_S = 2**53 / 1000
"""Largest Unix time or range in seconds that a float still holds to the millisecond."""

_INFIX = {str(op): op for op in BinaryOp}
_CLAUSES = {"by", "without"}
_EXPERIMENTAL = {"anchored", "smoothed", "fill", "fill_left", "fill_right"}


def parse(text: str, form: NameForm = NameForm.PROMQL) -> Expr:
    """Return the expression tree of a query.

    Args:
        text: PromQL 3.x.
        form: Which spellings of names and label values are taken besides PromQL's.

    Raises:
        QuerySyntaxError: The text is not valid, too long, too deeply nested, or uses what is not supported.
    """
    return _Parser(text, tokenize(text, form)).whole()


class _Parser(Cursor):
    """The state of one pass over the tokens."""

    def whole(self) -> Expr:
        if len(self.tokens) == 1:
            self.fail(self.next, "the query is empty")
        expr = self._binary(1)
        if self.next.kind is not Kind.END:
            self._reject_trailing()
        return expr

    # -- operators ---------------------------------------------------------------------------------

    def _binary(self, lowest: int) -> Expr:
        left = self._unary()
        while (op := self._infix()) is not None and op.precedence >= lowest:
            self.operators += 1
            if self.operators > MAX_OPERATORS:
                self.fail(self.next, f"the query has more than {MAX_OPERATORS} operators")
            self.take()
            return_bool = self.take_word("bool")
            matching = self._matching()
            right = self._binary(op.precedence + (op is not BinaryOp.POWER))
            left = self._checked(
                Binary(
                    op=op,
                    left=left,
                    right=right,
                    return_bool=return_bool,
                    matching=matching,
                    span=Span(left.span.start, right.span.end),
                )
            )
        return left

    def _infix(self) -> BinaryOp | None:
        token = self.next
        if token.kind not in {Kind.OPERATOR, Kind.NAME}:
            return None
        return _INFIX.get(token.text.lower())

    def _matching(self) -> Matching | None:
        word = self.word()
        if word not in {"on", "ignoring"}:
            if word in {"group_left", "group_right"}:
                self.fail(self.next, f"'{word}' needs 'on (...)' or 'ignoring (...)' before it")
            return None
        self.take()
        matching = Matching(labels=self._labels(), on=word == "on")
        word = self.word()
        if word not in {"group_left", "group_right"}:
            return matching
        self.take()
        include = self._labels() if self.next.text == "(" else ()
        return replace(matching, many=Side(word), include=include)

    def _unary(self) -> Expr:
        token = self.next
        if token.kind is not Kind.OPERATOR or token.text not in {"+", "-"}:
            return self._postfix()
        self.take()
        self._enter(token)
        operand = self._binary(POWER_PRECEDENCE)
        self.nesting -= 1
        span = Span(token.span.start, operand.span.end)
        return self._checked(Unary(op=UnaryOp(token.text), expr=operand, span=span))

    # -- ranges, offset, @ -------------------------------------------------------------------------

    def _postfix(self) -> Expr:
        in_parentheses = self.next.text == "("
        expr = self._primary()
        seen: set[str] = set()
        while True:
            token, word = self.next, self.word()
            if token.text == "[":
                expr = self._range(expr, in_parentheses)
                in_parentheses = False
                seen.clear()
            elif word == "offset" or token.text == "@":
                if word in seen:
                    self.fail(token, f"'{token.text}' must not be given twice")
                seen.add(word)
                expr = self._modified(expr, in_parentheses)
            else:
                return expr

    def _range(self, expr: Expr, in_parentheses: bool) -> Expr:
        opening = self.take()
        range_ms = self._duration(positive=True)
        step_ms = None
        if is_subquery := self.take_operator(":"):
            step_ms = None if self.next.text == "]" else self._duration(positive=True)
        closing = self.expect("]", "']'" if is_subquery else "']' or ':'")
        span = Span(expr.span.start, closing.span.end)
        if is_subquery:
            return self._checked(Subquery(expr=expr, range_ms=range_ms, step_ms=step_ms, span=span))
        if not isinstance(expr, VectorSelector) or in_parentheses:
            message = (
                "a range stands directly behind a selector only; elsewhere write a subquery, [5m:]"
            )
            self.fail(opening, message)
        if expr.offset_ms or expr.at is not None:
            self.fail(opening, "a range stands before 'offset' and '@'")
        return MatrixSelector(selector=expr, range_ms=range_ms, span=span)

    def _modified(self, expr: Expr, in_parentheses: bool) -> Expr:
        """Return `expr` with the offset or @ that follows."""
        token = self.next
        selector = expr.selector if isinstance(expr, MatrixSelector) else expr
        if in_parentheses or not isinstance(selector, VectorSelector | Subquery):
            self.fail(token, f"'{token.text}' stands directly behind a selector, range or subquery")
        self.take()
        if token.text == "@":
            selector = replace(selector, at=self._time())
        else:
            selector = replace(selector, offset_ms=self._duration(positive=False))
        span = Span(expr.span.start, self.tokens[self.at - 1].span.end)
        if isinstance(expr, MatrixSelector):
            return MatrixSelector(selector=selector, range_ms=expr.range_ms, span=span)  # type: ignore[arg-type]  # same
        return replace(selector, span=span)

    def _duration(self, *, positive: bool) -> int:
        """Take a duration or a number of seconds, signed unless it must be positive; return milliseconds."""
        first = self.next
        sign = self._sign()
        token = self.take()
        if token.kind not in {Kind.NUMBER, Kind.DURATION} or (positive and sign != 1):
            self.reject(token if sign == 1 else first, "a duration such as 5m")
        milliseconds = sign * self._milliseconds(token)
        if positive and milliseconds <= 0:
            self.fail(token, "the duration must be greater than 0")
        return milliseconds

    def _time(self) -> At:
        """Take what stands behind `@`."""
        word = self.word()
        if word in {"start", "end"}:
            self.take()
            self.expect("(", "'('")
            self.expect(")", "')'")
            return AtEdge(f"{word}()")
        sign = self._sign()
        token = self.take()
        if token.kind not in {Kind.NUMBER, Kind.DURATION}:
            self.reject(token, "a Unix time in seconds, start() or end()")
        return sign * self._milliseconds(token)

    def _sign(self) -> int:
        if self.take_operator("-"):
            return -1
        self.take_operator("+")
        return 1

    def _milliseconds(self, token: Token) -> int:
        value = float(token.value) if token.kind is Kind.NUMBER else float(token.value) / 1000
        if not abs(value) <= _MAX_TIME_S:
            self.fail(token, "the time is out of range")
        return round(value * 1000)

    # -- primaries ---------------------------------------------------------------------------------

    def _primary(self) -> Expr:
        token = self.next
        if token.kind is Kind.NAME:
            return self._named()
        if token.text == "{":
            return self._selector(None)
        self.take()
        if token.kind is Kind.STRING:
            return StringLiteral(value=str(token.value), span=token.span)
        if token.kind in {Kind.NUMBER, Kind.DURATION}:
            scale = 1 if token.kind is Kind.NUMBER else 1000
            return NumberLiteral(value=float(token.value) / scale, span=token.span)
        if token.text != "(":
            self.reject(token, "a metric name, function, aggregation, number or '('")
        self._enter(token)
        expr = self._binary(1)
        self.nesting -= 1
        closing = self.expect(")", "an operator or ')'")
        return replace(expr, span=Span(token.span.start, closing.span.end))

    def _named(self) -> Expr:
        token = self.next
        following = self.tokens[self.at + 1].text.lower()
        word = token.text.lower()
        if word in AGGREGATIONS and (following == "(" or following in _CLAUSES):
            return self._aggregation(word)
        if following == "(":
            if token.text not in FUNCTIONS:
                self._unknown_function(token)
            return self._call()
        return self._selector(self.take())

    def _aggregation(self, op: str) -> Expr:
        start = self.take()
        grouping = self._grouping()
        arguments = self._arguments()
        end = self.tokens[self.at - 1]
        if self.word() in _CLAUSES:
            if grouping is not None:
                self.fail(self.next, "'by' or 'without' must not be given twice")
            grouping = self._grouping()
            end = self.tokens[self.at - 1]
        span = Span(start.span.start, end.span.end)
        wanted = 1 if AGGREGATIONS[op] is None else 2
        if len(arguments) != wanted:
            message = f"{op} takes {wanted} argument(s), got {len(arguments)}"
            raise QuerySyntaxError(self.text, span, message)
        param = arguments[0] if wanted == 2 else None
        return self._checked(
            Aggregation(op=op, expr=arguments[-1], param=param, grouping=grouping, span=span)
        )

    def _grouping(self) -> Grouping | None:
        word = self.word()
        if word not in _CLAUSES:
            return None
        self.take()
        return Grouping(labels=self._labels(), without=word == "without")

    def _call(self) -> Expr:
        name = self.take()
        arguments = self._arguments()
        span = Span(name.span.start, self.tokens[self.at - 1].span.end)
        return self._checked(Call(name=name.text, args=tuple(arguments), span=span))

    def _arguments(self) -> list[Expr]:
        opening = self.expect("(", "'('")
        self._enter(opening)
        arguments: list[Expr] = []
        while not (self.next.text == ")" and not arguments):
            arguments.append(self._binary(1))
            if not self.take_operator(","):
                break
        self.expect(")", "an operator, ',' or ')'" if arguments else "')'")
        self.nesting -= 1
        return arguments

    def _labels(self) -> tuple[str, ...]:
        """Take `(label, ...)`, perhaps with a trailing comma."""
        self.expect("(", "'(' and label names")
        labels: list[str] = []
        while self.next.text != ")":
            token = self.take()
            if token.kind not in {Kind.NAME, Kind.STRING} or ":" in token.text:
                self.reject(token, "a label name or ')'")
            labels.append(str(token.value) if token.kind is Kind.STRING else token.text)
            if not self.take_operator(","):
                break
        self.expect(")", "',' or ')'")
        return tuple(labels)

    # -- selectors ---------------------------------------------------------------------------------

    def _selector(self, name: Token | None) -> VectorSelector:
        start = name or self.next
        equal = [self._matcher(METRIC_NAME, MatchOp.EQUAL, name)] if name else []
        others: list[Matcher] = []
        if self.take_operator("{"):
            while self.next.text != "}" or self.next.kind is Kind.STRING:
                matcher, token = self._braced_matcher()
                if matcher.name == METRIC_NAME and matcher.op is MatchOp.EQUAL and not equal:
                    equal.append(matcher)
                elif matcher.name == METRIC_NAME and (name or matcher.op is MatchOp.EQUAL):
                    self.fail(token, "the metric name must not be given twice")
                else:
                    others.append(matcher)
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
            label = str(token.value) if token.kind is Kind.STRING else token.text
            return self._matcher(label, MatchOp(op.text), value), token
        if token.kind is Kind.NAME:
            self.reject(op, "one of = != =~ !~")
        return self._matcher(METRIC_NAME, MatchOp.EQUAL, token), token

    def _matcher(self, label: str, op: MatchOp, value: Token) -> Matcher:
        content = str(value.value) if value.kind is Kind.STRING else value.text
        try:
            return build_matcher(label, op, content)
        except RegexError as error:
            raise QuerySyntaxError(self.text, value.span, str(error)) from error

    def _unknown_function(self, token: Token) -> NoReturn:
        name = token.text
        if name in NOT_SUPPORTED or name.lower() in NOT_SUPPORTED_AGGREGATIONS:
            self.fail(token, f"{name}() is not supported: experimental, or for native histograms")
        near = nearest(name, [*FUNCTIONS, *AGGREGATIONS])
        hint = f", did you mean {near}?" if near else ""
        self.fail(token, f"unknown function {name!r}{hint}")

    def _reject_trailing(self) -> NoReturn:
        token = self.next
        if token.text in _EXPERIMENTAL:
            self.fail(token, f"'{token.text}' is not supported: experimental")
        self.reject(token, "an operator or the end of the query")

    def _checked(self, expr: Expr) -> Expr:
        check(self.text, expr)
        return expr

    def _enter(self, token: Token) -> None:
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            self.fail(token, f"the query is nested more than {MAX_NESTING} deep")
