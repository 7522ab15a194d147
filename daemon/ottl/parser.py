"""Tokens to a tree (spec/ottl.md 1.3): ordered choice, what was parsed at a position is remembered.

A converter is tried as an operand, as math and as a bare condition; without the memory nested calls would double the
work with every level. Everything that nests stands in brackets, so one look at the tokens bounds the depth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from daemon.ottl import syntax
from daemon.ottl.cursor import Cursor, Mismatch
from daemon.ottl.errors import OttlBuildError
from daemon.ottl.lexer import Token, TokenKind, tokenize

MAX_DEPTH = 32
"""Brackets inside brackets; each level costs the parser up to 16 Python frames of the interpreter's 1,000."""

_OPENING = {"(": ")", "[": "]", "{": "}"}
_LITERALS = (TokenKind.FLOAT, TokenKind.INT)
_NAME = (TokenKind.UPPERCASE, TokenKind.LOWERCASE)


class _Name(NamedTuple):
    """A name glued together from tokens, and where it began."""

    text: str
    offset: int


def parse_condition(text: str) -> syntax.Boolean:
    """Return the tree of a condition.

    Raises:
        OttlBuildError: the text is no condition.
    """
    tokens = tokenize(text)
    if len(tokens) == 1:
        raise OttlBuildError('empty condition: expected a comparison such as name == "x"', 0)
    _check_depth(tokens)
    return _Parser(tokens).parse()


def parse_statement(text: str) -> syntax.Statement:
    """Return the tree of a statement.

    Raises:
        OttlBuildError: the text is no statement.
    """
    tokens = tokenize(text)
    if len(tokens) == 1:
        raise OttlBuildError('empty statement: expected an editor such as set(unit, "s")', 0)
    _check_depth(tokens)
    return _Parser(tokens).parse_statement()


def _check_depth(tokens: list[Token]) -> None:
    depth = 0
    for token in tokens:
        if token.kind is TokenKind.PUNCT:
            depth += (token.text in _OPENING) - (token.text in _OPENING.values())
        if depth > MAX_DEPTH:
            raise OttlBuildError(f"nested too deeply: at most {MAX_DEPTH} levels", token.offset)


class _Parser(Cursor):
    """The rules of the grammar, one method each."""

    def parse(self) -> syntax.Boolean:
        try:
            condition = self._condition()
            if self.next.kind is not TokenKind.END:
                self.mismatch("'and' or 'or' or the end")
        except Mismatch:
            raise self.error() from None
        return condition

    def parse_statement(self) -> syntax.Statement:
        try:
            editor = self._editor()
            where = None
            if self.next.kind is not TokenKind.END:
                self._expect_where()
                where = self._condition()
            if self.next.kind is not TokenKind.END:
                self.mismatch("'and' or 'or' or the end")
        except Mismatch:
            raise self.error() from None
        return syntax.Statement(editor, where)

    def _editor(self) -> syntax.Call:
        if self.next.kind is TokenKind.UPPERCASE:
            name = self._name(TokenKind.UPPERCASE)
            raise OttlBuildError(
                f"{name.text} changes nothing: a statement begins with an editor such as set(...)",
                name.offset,
            )
        if self.next.kind is not TokenKind.LOWERCASE:
            self.mismatch("an editor such as set(...)")
        name = self._name(TokenKind.LOWERCASE)
        arguments = self._arguments()
        if self.is_punct("["):
            raise OttlBuildError(
                f"{name.text}(...) has no result to take a key of", self.next.offset
            )
        return syntax.Call(name.text, arguments, (), name.offset)

    def _expect_where(self) -> None:
        if self.next.kind is not TokenKind.LOWERCASE or self.next.text != "where":
            self.mismatch("'where' or the end")
        self.advance()

    # Conditions.

    def _condition(self) -> syntax.Boolean:
        operands = [self._term()]
        while self.take(TokenKind.OR):
            operands.append(self._term())
        return operands[0] if len(operands) == 1 else syntax.Or(tuple(operands))

    def _term(self) -> syntax.Boolean:
        operands = [self._operand()]
        while self.take(TokenKind.AND):
            operands.append(self._operand())
        return operands[0] if len(operands) == 1 else syntax.And(tuple(operands))

    def _operand(self) -> syntax.Boolean:
        negated = self.take(TokenKind.NOT)
        operand = self.first_of(
            self._comparison, self._boolean, self._converter, self._parenthesised_condition
        )
        return syntax.Not(operand) if negated else operand

    def _comparison(self) -> syntax.Boolean:
        offset = self.next.offset
        left = self._value()
        operator = self.expect(TokenKind.COMPARISON, "a comparison (== != < <= > >=)")
        return syntax.Comparison(left, operator.text, self._value(), offset)

    def _parenthesised_condition(self) -> syntax.Boolean:
        self.expect_punct("(")
        condition = self._condition()
        self.expect_punct(")")
        return condition

    # Values.

    def _value(self) -> syntax.Value:
        return self.remembered("value", self._parse_value)

    def _parse_value(self) -> syntax.Value:
        return self.first_of(
            self._nil,
            self._lone_literal,
            self._sum,
            self._constant,
            self._enum,
            self._map,
            self._list,
        )

    def _nil(self) -> syntax.Value:
        return syntax.Literal(None, self.expect(TokenKind.NIL).offset)

    def _lone_literal(self) -> syntax.Value:
        literal = self._literal()
        if self.next.kind in (TokenKind.ADD_SUB, TokenKind.MULT_DIV):
            raise Mismatch
        return literal

    def _constant(self) -> syntax.Value:
        token = self.expect_one(TokenKind.BYTES, TokenKind.STRING, TokenKind.BOOLEAN)
        return syntax.Literal(token.value, token.offset)

    def _boolean(self) -> syntax.Boolean:
        token = self.expect(TokenKind.BOOLEAN)
        return syntax.Literal(token.value, token.offset)

    def _enum(self) -> syntax.Value:
        token = self.expect(TokenKind.UPPERCASE, "an enum")
        if self.next.kind is TokenKind.LOWERCASE:
            raise Mismatch
        return syntax.Enum(token.text, token.offset)

    def _map(self) -> syntax.Value:
        offset = self.expect_punct("{").offset
        items: list[tuple[str, syntax.Value]] = []
        while self.next.kind is TokenKind.STRING:
            key = str(self.advance().value)
            self.expect_punct(":")
            items.append((key, self._value()))
            self.take_punct(",")
        self.expect_punct("}")
        return syntax.MapLiteral(tuple(items), offset)

    def _list(self) -> syntax.Value:
        offset = self.expect_punct("[").offset
        items: list[syntax.Value] = []
        while (item := self.optional(self._value)) is not None:
            items.append(item)
        while self.take_punct(","):
            items.append(self._value())
        self.expect_punct("]")
        return syntax.ListLiteral(tuple(items), offset)

    # Math.

    def _sum(self) -> syntax.Value:
        return self.remembered("sum", lambda: self._chain(self._product, TokenKind.ADD_SUB))

    def _product(self) -> syntax.Value:
        return self._chain(self._signed, TokenKind.MULT_DIV)

    def _chain(self, operand: Callable[[], syntax.Value], operator: TokenKind) -> syntax.Value:
        offset = self.next.offset
        first = operand()
        rest: list[tuple[str, syntax.Value]] = []
        while self.next.kind is operator:
            rest.append((self.advance().text, operand()))
        return syntax.Math(first, tuple(rest), offset) if rest else first

    def _signed(self) -> syntax.Value:
        token = self.next
        if self.take(TokenKind.ADD_SUB):
            return syntax.Signed(token.text, self._math_operand(), token.offset)
        return self._math_operand()

    def _math_operand(self) -> syntax.Value:
        if not self.take_punct("("):
            return self._literal()
        inner = self._sum()
        self.expect_punct(")")
        return inner

    # Numbers, calls and paths.

    def _literal(self) -> syntax.Value:
        token = self.next
        if token.kind in _LITERALS:
            self.advance()
            return syntax.Literal(token.value, token.offset)
        if token.kind is TokenKind.LOWERCASE:
            self._refuse_editor()
            return self._path()
        return self._converter()

    def _converter(self) -> syntax.Call:
        return self.remembered("converter", self._parse_converter)

    def _parse_converter(self) -> syntax.Call:
        name = self._name(TokenKind.UPPERCASE)
        return syntax.Call(name.text, self._arguments(), self._keys(), name.offset)

    def _arguments(self) -> tuple[syntax.Argument, ...]:
        self.expect_punct("(")
        arguments: list[syntax.Argument] = []
        if not self.take_punct(")"):
            arguments.append(self._argument())
            while self.take_punct(","):
                arguments.append(self._argument())
            self.expect_punct(")")
        return tuple(arguments)

    def _argument(self) -> syntax.Argument:
        offset = self.next.offset
        name = self.optional(self._argument_name)
        value = self.optional(self._value) or self._function_name()
        return syntax.Argument(name, value, offset)

    def _argument_name(self) -> str:
        name = self._name(TokenKind.LOWERCASE)
        self.expect(TokenKind.EQUAL)
        return name.text

    def _function_name(self) -> syntax.FunctionName:
        name = self._name(TokenKind.UPPERCASE)
        return syntax.FunctionName(name.text, name.offset)

    def _refuse_editor(self) -> None:
        start = self.position
        name = self._name(TokenKind.LOWERCASE)
        if self.is_punct("("):
            raise OttlBuildError(
                f"{name.text}(...) is no converter: only functions that begin with a capital letter may stand in a"
                " condition or an argument",
                name.offset,
            )
        self.position = start

    def _path(self) -> syntax.Path:
        offset = self.next.offset
        segments = [self._segment()]
        while self.take_punct("."):
            segments.append(self._segment())
        return syntax.Path(tuple(segments), offset)

    def _segment(self) -> syntax.Segment:
        name = self.expect(TokenKind.LOWERCASE)
        return syntax.Segment(name.text, self._keys())

    def _keys(self) -> tuple[syntax.Value, ...]:
        keys: list[syntax.Value] = []
        while (key := self.optional(self._key)) is not None:
            keys.append(key)
        return tuple(keys)

    def _key(self) -> syntax.Value:
        self.expect_punct("[")
        token = self.next
        if token.kind in (TokenKind.STRING, TokenKind.INT):
            self.advance()
            key: syntax.Value = syntax.Literal(token.value, token.offset)
        else:
            key = self._sum()
        self.expect_punct("]")
        return key

    def _name(self, first: TokenKind) -> _Name:
        token = self.expect(first)
        pieces = [token.text]
        while self.next.kind in _NAME:
            pieces.append(self.advance().text)
        return _Name("".join(pieces), token.offset)
