"""PromQL text to an expression tree: precedence climbing over the grammar of promql.md 2.2."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

from query.clauses import ClauseParser
from query.duration_clauses import Duration
from query.errors import QuerySyntaxError
from query.lexer import Kind, NameForm, Token, tokenize
from query.signatures import (
    AGGREGATIONS,
    FUNCTIONS,
    NOT_SUPPORTED,
)
from query.syntax import (
    POWER_PRECEDENCE,
    RESERVED,
    Aggregation,
    Binary,
    BinaryOp,
    Call,
    Expr,
    Grouping,
    Matching,
    MatrixSelector,
    NumberLiteral,
    Reach,
    Side,
    StringLiteral,
    Subquery,
    Unary,
    UnaryOp,
    VectorSelector,
)
from query.text import Span, nearest
from query.typecheck import check, count_arguments

_INFIX = {str(op): op for op in BinaryOp}
_CLAUSES = {"by", "without"}
_REACHES = set(Reach)
_REACH = "anchored or smoothed"
_MODIFIERS = {"offset", "@", *_REACHES}


def parse(text: str, form: NameForm = NameForm.PROMQL) -> Expr:
    """Return the expression tree of a query.

    Args:
        text: PromQL 3.x.
        form: Which spellings of names and label values are taken besides PromQL's.

    Raises:
        QuerySyntaxError: The text is not valid, too long, too deeply nested, or uses what is not supported.
    """
    return _Parser(text, tokenize(text, form)).whole()


class _Parser(ClauseParser):
    """The state of one pass over the tokens."""

    def whole(self) -> Expr:
        if len(self.tokens) == 1:
            self.fail(self.next, "the query is empty")
        expr = self._binary(1)
        if self.next.kind is not Kind.END:
            self.reject(self.next, "an operator or the end of the query")
        return expr

    # -- operators ---------------------------------------------------------------------------------

    def _binary(self, lowest: int) -> Expr:
        left = self._unary()
        while (op := self._infix()) is not None and op.precedence >= lowest:
            self.count_operator(self.next)
            token = self.take()
            if token.text in {"<", ">"} and self.next.text == "/":
                self.fail(token, f"{token.text}/ is not supported: it is for native histograms")
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
        matching = Matching(labels=self.labels(), on=word == "on")
        word = self.word()
        if word not in {"group_left", "group_right"}:
            return matching
        self.take()
        include = self.labels() if self.next.text == "(" else ()
        return replace(matching, many=Side(word), include=include)

    def _unary(self) -> Expr:
        token = self.next
        if token.kind is not Kind.OPERATOR or token.text not in {"+", "-"}:
            return self._postfix()
        self.take()
        self.enter(token)
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
            elif word in _MODIFIERS and token.kind is not Kind.STRING:
                kind = _REACH if word in _REACHES else word
                if kind in seen:
                    self.fail(token, f"'{token.text}' must not be given twice")
                seen.add(kind)
                expr = self._modified(expr, in_parentheses)
            else:
                return expr

    def _range(self, expr: Expr, in_parentheses: bool) -> Expr:
        opening = self.take()
        window = self.positive_duration()
        step = Duration(0)
        if is_subquery := self.take_operator(":"):
            step = step if self.next.text == "]" else self.positive_duration()
        closing = self.expect("]", "']'" if is_subquery else "']' or ':'")
        span = Span(expr.span.start, closing.span.end)
        if is_subquery:
            subquery = Subquery(
                expr=expr,
                range_ms=window.milliseconds,
                range_tree=window.tree,
                step_ms=step.milliseconds or None,
                step_tree=step.tree,
                span=span,
            )
            return self._checked(subquery)
        if not isinstance(expr, VectorSelector) or in_parentheses:
            message = (
                "a range stands directly behind a selector only; elsewhere write a subquery, [5m:]"
            )
            self.fail(opening, message)
        if expr.offset_ms or expr.offset_tree or expr.at is not None or expr.reach:
            self.fail(opening, "a range stands before 'offset' and '@'")
        return MatrixSelector(
            selector=expr, range_ms=window.milliseconds, range_tree=window.tree, span=span
        )

    def _modified(self, expr: Expr, in_parentheses: bool) -> Expr:
        """Return `expr` with the offset, @ or reach that follows."""
        token = self.next
        if in_parentheses or not isinstance(expr, VectorSelector | MatrixSelector | Subquery):
            self.fail(token, f"'{token.text}' stands directly behind a selector, range or subquery")
        self.take()
        if token.text.lower() in _REACHES:
            return self._with_reach(expr, token)
        target = expr.selector if isinstance(expr, MatrixSelector) else expr
        if token.text == "@":
            target = replace(target, at=self.unix_time())
        else:
            offset = self.offset_duration()
            target = replace(target, offset_ms=offset.milliseconds, offset_tree=offset.tree)
        span = self._span_from(expr)
        if isinstance(expr, MatrixSelector) and isinstance(target, VectorSelector):
            return replace(expr, selector=target, span=span)
        return replace(target, span=span)

    def _with_reach(self, expr: VectorSelector | MatrixSelector | Subquery, token: Token) -> Expr:
        reach, span = Reach(token.text.lower()), self._span_from(expr)
        if isinstance(expr, Subquery):
            self.fail(token, f"'{reach}' does not go with subqueries")
        if isinstance(expr, MatrixSelector):
            return replace(expr, selector=replace(expr.selector, reach=reach), span=span)
        if reach is Reach.ANCHORED:
            self.fail(token, f"'{reach}' stands behind a range such as [5m]")
        return replace(expr, reach=reach, span=span)

    def _span_from(self, expr: Expr) -> Span:
        """Return the span from the beginning of `expr` to the last token that was taken."""
        return Span(expr.span.start, self.tokens[self.at - 1].span.end)

    # -- primaries ---------------------------------------------------------------------------------

    def _primary(self) -> Expr:
        token = self.next
        if token.kind is Kind.NAME:
            return self._named()
        if token.text == "{":
            return self.selector(None)
        self.take()
        if token.kind is Kind.STRING:
            return StringLiteral(value=str(token.value), span=token.span)
        if token.kind in {Kind.NUMBER, Kind.DURATION}:
            scale = 1 if token.kind is Kind.NUMBER else 1000
            return NumberLiteral(value=float(token.value) / scale, span=token.span)
        if token.text != "(":
            self.reject(token, "a metric name, function, aggregation, number or '('")
        self.enter(token)
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
        if word in RESERVED:
            self.fail(
                token, f'{token} is a keyword, a metric of that name is written {{"{token.text}"}}'
            )
        return self.selector(self.take())

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
            message = f"{op} takes {count_arguments(wanted)}, got {len(arguments)}"
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
        return Grouping(labels=self.labels(), without=word == "without")

    def _call(self) -> Expr:
        name = self.take()
        arguments = self._arguments()
        span = Span(name.span.start, self.tokens[self.at - 1].span.end)
        return self._checked(Call(name=name.text, args=tuple(arguments), span=span))

    def _arguments(self) -> list[Expr]:
        opening = self.expect("(", "'('")
        self.enter(opening)
        arguments: list[Expr] = []
        while not (self.next.text == ")" and not arguments):
            arguments.append(self._binary(1))
            if not self.take_operator(","):
                break
        self.expect(")", "an operator, ',' or ')'" if arguments else "')'")
        self.nesting -= 1
        return arguments

    def _unknown_function(self, token: Token) -> NoReturn:
        name = token.text.lower()
        if name in NOT_SUPPORTED:
            self.fail(token, f"{name}() is not supported: experimental, or for native histograms")
        near = nearest(name, [*FUNCTIONS, *AGGREGATIONS])
        hint = f", did you mean {near}?" if near else ""
        self.fail(token, f"unknown function {token}{hint}")

    def _checked(self, expr: Expr) -> Expr:
        check(self.text, expr)
        return expr
