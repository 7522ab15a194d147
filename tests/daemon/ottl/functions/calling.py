"""Calls a converter as a condition does: convert the arguments, bind the literals, run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from daemon.ottl.functions.conversions import convert
from daemon.ottl.functions.registry import CONVERTERS
from daemon.ottl.functions.signature import Param, ParamKind
from daemon.ottl.values import Opaque, Time, Value

NOW_NS = 1_700_000_000 * 10**9

LITERAL_KINDS = {
    ParamKind.LITERAL_STRING,
    ParamKind.LITERAL_INT,
    ParamKind.LITERAL_FLOAT,
    ParamKind.LITERAL_BOOL,
}


@dataclass(frozen=True, slots=True)
class Context:
    now_unix_nano: int = NOW_NS


def call(name: str, *arguments: Value, now_ns: int = NOW_NS) -> Value:
    """Call with literal arguments: they are checked and prepared at start-up."""
    return _call(name, arguments, literal=True, context=Context(now_ns))


def call_computed(name: str, *arguments: Value, now_ns: int = NOW_NS) -> Value:
    """Call with arguments that are known at run time only, but for those that must be literals."""
    return _call(name, arguments, literal=False, context=Context(now_ns))


def _call(name: str, arguments: tuple[Value, ...], *, literal: bool, context: Context) -> Value:
    converter = CONVERTERS[name]
    literals: dict[str, Value] = {}
    values: list[Value] = []
    for param, argument in zip(converter.params, arguments, strict=False):
        value = _convert(param, argument)
        values.append(value)
        if literal or param.kind in LITERAL_KINDS:
            literals[param.name] = value
    values += [None] * (len(converter.params) - len(values))
    function = converter.bind(literals)
    return function(context, *values) if converter.needs_context else function(*values)


def _convert(param: Param, argument: Value) -> Value:
    if not param.many:
        return convert(param.kind, argument)
    assert isinstance(argument, list)
    return [convert(param.kind, member) for member in argument]


Row = tuple[str, tuple[Value, ...], Value]


def identify(value: object) -> str | None:
    """Name a test row by its function."""
    return value if isinstance(value, str) and value in CONVERTERS else None


def same(left: Value, right: Value) -> bool:
    """Compare values and their kinds, deeply: 1 is neither 1.0 nor true."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, Time) and isinstance(right, Time):
        return left.unix_nano == right.unix_nano
    if isinstance(left, Opaque) and isinstance(right, Opaque):
        return (left.name, left.target) == (right.name, right.target)
    if left != left:  # NaN  # noqa: PLR0124
        return right != right  # noqa: PLR0124
    return type(left) is type(right) and left == right
