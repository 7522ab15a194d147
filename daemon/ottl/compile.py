"""A condition's text to a function that judges (spec/ottl.md 1.4, 5.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from daemon.ottl import syntax
from daemon.ottl.arithmetic import calculate, negate
from daemon.ottl.calls import bind_call, find_converter
from daemon.ottl.compare import comparison
from daemon.ottl.errors import OttlBuildError, OttlEvaluationError
from daemon.ottl.evaluation import EvaluationContext, NotLiteral, Operand, Test
from daemon.ottl.fields import ENUMS
from daemon.ottl.functions.conversions import kind_name
from daemon.ottl.functions.registry import CONVERTERS
from daemon.ottl.functions.signature import Converter
from daemon.ottl.parser import parse_condition
from daemon.ottl.paths import read_keys, resolve
from daemon.ottl.targets import Target, target_of
from daemon.ottl.values import RawList, RawMap, Value

_Test = Test | bool
"""A compiled condition, or its answer if that is known at start-up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A compiled condition.

    `evaluate` raises OttlEvaluationError when it cannot judge. With `header_only` its answer depends only on metric
    header, resource and scope, so that it can be remembered for them.
    """

    text: str
    context: str
    evaluate: Test
    header_only: bool


def compile_condition(
    text: str,
    context: str,
    *,
    prefixed: bool = False,
    converters: Mapping[str, Converter] = CONVERTERS,
) -> Condition:
    """Return the condition that `text` says in `context`: resource, scope, metric or datapoint.

    With `prefixed` every path must begin with a context name.

    Raises:
        OttlBuildError: the text is no condition, or not in this context.
    """
    tree = parse_condition(text)
    compiler = Compiler(context, prefixed=prefixed, converters=converters)
    test = compiler.boolean(tree)
    evaluate = (lambda _context, answer=test: answer) if isinstance(test, bool) else test
    return Condition(
        text=text.strip(), context=context, evaluate=evaluate, header_only=compiler.header_only
    )


class Compiler:
    """Compiles parts of one text; `header_only` becomes false with the first part that reads more."""

    def __init__(
        self,
        context: str,
        *,
        prefixed: bool,
        converters: Mapping[str, Converter] = CONVERTERS,
    ) -> None:
        self.header_only = True
        self._context = context
        self._prefixed = prefixed
        self._converters = converters

    def boolean(self, node: syntax.Boolean) -> Test | bool:
        """Return how to judge, or the answer if it is known at start-up."""
        match node:
            case syntax.Or():
                return _any([self.boolean(operand) for operand in node.operands])
            case syntax.And():
                return _all([self.boolean(operand) for operand in node.operands])
            case syntax.Not():
                return _not(self.boolean(node.operand))
            case syntax.Literal():
                return bool(node.value)
            case syntax.Call():
                return self._bare_call(node)
            case syntax.Comparison():
                return self._comparison(node)

    def _bare_call(self, node: syntax.Call) -> Test:
        read = self._call(node).read
        name = node.name

        def test(context: EvaluationContext) -> bool:
            answer = read(context)
            if not isinstance(answer, bool):
                raise OttlEvaluationError(
                    f"{name} gave a {kind_name(answer)}: a condition needs true or false"
                )
            return answer

        return test

    def _comparison(self, node: syntax.Comparison) -> _Test:
        left, right = self.value(node.left), self.value(node.right)
        compare = comparison(node.operator)
        if not (isinstance(left.literal, NotLiteral) or isinstance(right.literal, NotLiteral)):
            return compare(left.literal, right.literal)
        read_left, read_right, constant = left.read, right.read, right.literal
        if isinstance(constant, str) and node.operator == "==":
            return lambda context: read_left(context) == constant
        if isinstance(constant, str) and node.operator == "!=":
            return lambda context: read_left(context) != constant
        return lambda context: compare(read_left(context), read_right(context))

    def value(self, node: syntax.Value) -> Operand:
        """Return how to read a value."""
        match node:
            case syntax.Literal():
                return Operand.known(node.value)
            case syntax.Path():
                return self._path(node)
            case syntax.Call():
                return self._call(node)
            case syntax.Enum():
                return self._enum(node)
            case syntax.ListLiteral():
                return self._list(node)
            case syntax.MapLiteral():
                return self._map(node)
            case syntax.Signed():
                return self._signed(node)
            case syntax.Math():
                return self._math(node)

    def _path(self, node: syntax.Path) -> Operand:
        path = resolve(node, self._context, prefixed=self._prefixed)
        self.header_only &= path.field.remembered
        return Operand(read_keys(path.field, [self.value(key) for key in path.keys]))

    def target(self, node: syntax.Path) -> Target:
        """Return what a path leads to, to be changed."""
        path = resolve(node, self._context, prefixed=self._prefixed)
        target = target_of(node, path, [self.value(key) for key in path.keys])
        self.header_only &= target.remembered
        return target

    def _call(self, node: syntax.Call) -> Operand:
        converter = find_converter(node, self._converters, self._context)
        self.header_only &= not (converter.volatile or converter.needs_context)
        return Operand(bind_call(node, converter, self.value))

    def _enum(self, node: syntax.Enum) -> Operand:
        symbols = ENUMS[self._context]
        if node.name not in symbols:
            expected = ", ".join(symbols) or f"none, the {self._context} context has no enums"
            raise OttlBuildError(f"unknown enum {node.name}: expected {expected}", node.offset)
        return Operand.known(symbols[node.name])

    def _list(self, node: syntax.ListLiteral) -> Operand:
        items = [self.value(item) for item in node.items]
        literals = [item.literal for item in items if not isinstance(item.literal, NotLiteral)]
        if len(literals) == len(items):
            return Operand.known(RawList(literals))
        readers = [item.read for item in items]
        return Operand(lambda context: RawList([read(context) for read in readers]))

    def _map(self, node: syntax.MapLiteral) -> Operand:
        items = {key: self.value(item) for key, item in node.items}
        literals = {
            key: _telemetry(item.literal)
            for key, item in items.items()
            if not isinstance(item.literal, NotLiteral)
        }
        if len(literals) == len(items):
            return Operand.known(literals)
        readers = {key: item.read for key, item in items.items()}
        return Operand(
            lambda context: {key: _telemetry(read(context)) for key, read in readers.items()}
        )

    def _signed(self, node: syntax.Signed) -> Operand:
        operand = self.value(node.operand)
        if node.sign == "+":
            return operand
        number = operand.literal
        if isinstance(number, int | float) and not isinstance(number, bool):
            return Operand.known(negate(number))
        read = operand.read
        return Operand(lambda context: negate(read(context)))

    def _math(self, node: syntax.Math) -> Operand:
        first = self.value(node.first).read
        rest = [(symbol, self.value(operand).read) for symbol, operand in node.rest]

        def read(context: EvaluationContext) -> Value:
            result = first(context)
            for symbol, operand in rest:
                result = calculate(symbol, result, operand(context))
            return result

        return Operand(read)


def _telemetry(value: Value) -> Value:
    """Return what a map literal makes of a member: lists and maps in it are telemetry ones."""
    if isinstance(value, RawList):
        return [_telemetry(item) for item in value]
    if isinstance(value, RawMap):
        return {key: _telemetry(item) for key, item in value.items()}
    return value


def _not(test: _Test) -> _Test:
    if isinstance(test, bool):
        return not test
    return lambda context: not test(context)


def _all(tests: list[_Test]) -> _Test:
    """Fold `and`: a false operand makes all of it false, whatever the others would have raised."""
    if any(test is False for test in tests):
        return False
    return _join([test for test in tests if not isinstance(test, bool)], stop_at=False)


def _any(tests: list[_Test]) -> _Test:
    """Fold `or`: the mirror image of `and`."""
    if any(test is True for test in tests):
        return True
    return _join([test for test in tests if not isinstance(test, bool)], stop_at=True)


def _join(tests: list[Test], *, stop_at: bool) -> _Test:
    """Evaluate from left to right and end with the first operand that answers `stop_at`."""
    if not tests:
        return not stop_at
    if len(tests) == 1:
        return tests[0]

    def test(context: EvaluationContext) -> bool:
        for operand in tests:
            if operand(context) is stop_at:
                return stop_at
        return not stop_at

    return test
