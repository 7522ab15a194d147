"""Calls of converters to what they read: arguments are matched to parameters at start-up (spec/ottl.md 4.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from daemon.ottl import syntax
from daemon.ottl.errors import OttlBuildError, OttlEvaluationError
from daemon.ottl.evaluation import EvaluationContext, NotLiteral, Operand, Read
from daemon.ottl.functions.conversions import convert, kind_name
from daemon.ottl.functions.registry import UNSUPPORTED
from daemon.ottl.functions.signature import Converter, Function, Param, ParamKind
from daemon.ottl.paths import index
from daemon.ottl.values import Value
from query.text import nearest

_LITERAL_TYPES: dict[ParamKind, tuple[type, str]] = {
    ParamKind.LITERAL_STRING: (str, "a string in quotes"),
    ParamKind.LITERAL_INT: (int, "an int without a sign"),
    ParamKind.LITERAL_FLOAT: (float, "a float such as 10.0"),
    ParamKind.LITERAL_BOOL: (bool, "true or false"),
}
CompileValue = Callable[[syntax.Value], Operand]


@dataclass(frozen=True, slots=True)
class _Arguments:
    """The readers of a call, one for each parameter, and the values of those known at start-up."""

    readers: list[Read] = field(default_factory=list)
    literals: dict[str, Value] = field(default_factory=dict)


def find_converter(
    call: syntax.Call, converters: Mapping[str, Converter], context: str
) -> Converter:
    """Return the converter that `call` names.

    Raises:
        OttlBuildError: there is none, or it does not exist in this context.
    """
    converter = converters.get(call.name)
    if converter is None:
        raise _unknown(call, converters)
    check_context(call, converter.contexts, context)
    return converter


def check_context(call: syntax.Call, contexts: frozenset[str] | None, context: str) -> None:
    """Check that a function exists in this context.

    Raises:
        OttlBuildError: it does not.
    """
    if contexts is not None and context not in contexts:
        where = " or ".join(sorted(contexts))
        raise OttlBuildError(
            f"{call.name} works in the {where} context only, this is {context}", call.offset
        )


def bind_call(call: syntax.Call, converter: Converter, compile_value: CompileValue) -> Read:
    """Return how to read the result of `call`, keys included.

    Raises:
        OttlBuildError: arguments that do not fit the parameters, or that can never work.
    """
    arguments = _Arguments()
    if not converter.takes_anything:
        given = match_arguments(call, converter.params)
        for param in converter.params:
            operand = bind_argument(param, given.get(param.name), compile_value)
            arguments.readers.append(operand.read)
            if param.name in given and not isinstance(operand.literal, NotLiteral):
                arguments.literals[param.name] = operand.literal
    try:
        function = converter.bind(arguments.literals)
    except OttlBuildError as error:
        where = error.offset if error.offset is not None else call.offset
        raise OttlBuildError(error.message, where) from error
    read = _reader(function, arguments.readers, needs_context=converter.needs_context)
    return _with_keys(read, call.keys) if call.keys else read


def _unknown(call: syntax.Call, converters: Mapping[str, Converter]) -> OttlBuildError:
    if call.name in UNSUPPORTED:
        return OttlBuildError(f"{call.name} is not supported by tallyd", call.offset)
    close = nearest(call.name, converters)
    hint = f": did you mean {close}?" if close else ""
    return OttlBuildError(f"unknown function {call.name}{hint}", call.offset)


def match_arguments(call: syntax.Call, params: Sequence[Param]) -> dict[str, syntax.Argument]:
    """Return the arguments by parameter name.

    Raises:
        OttlBuildError: too many of them, too few, or one that there is not.
    """
    by_name = {spelling: param for param in params for spelling in _spellings(param)}
    given: dict[str, syntax.Argument] = {}
    named = False
    for position, argument in enumerate(call.arguments):
        if argument.name is not None:
            named = True
            param = by_name.get(argument.name)
            if param is None:
                known = ", ".join(param.name for param in params) or "none"
                raise OttlBuildError(
                    f"{call.name} has no parameter {argument.name}: it has {known}", argument.offset
                )
        elif named:
            raise OttlBuildError("positional argument after a named one", argument.offset)
        elif position >= len(params):
            raise OttlBuildError(
                f"too many arguments: {call.name} takes {_usage(params)}", argument.offset
            )
        else:
            param = params[position]
        if param.name in given:
            raise OttlBuildError(f"{param.name} is given twice", argument.offset)
        given[param.name] = argument
    _check_complete(call, params, given)
    return given


def _check_complete(
    call: syntax.Call, params: Sequence[Param], given: Mapping[str, syntax.Argument]
) -> None:
    missing = [param.name for param in params if not param.optional and param.name not in given]
    if missing:
        raise OttlBuildError(
            f"{call.name} lacks {', '.join(missing)}: it takes {_usage(params)}", call.offset
        )


def _spellings(param: Param) -> tuple[str, str]:
    first, *others = param.name.split("_")
    return param.name, first + "".join(part.capitalize() for part in others)


def _usage(params: Sequence[Param]) -> str:
    names = [f"{param.name}?" if param.optional else param.name for param in params]
    return f"({', '.join(names)})"


def bind_argument(
    param: Param, argument: syntax.Argument | None, compile_value: CompileValue
) -> Operand:
    """Return how to read an argument as its parameter sees it; nil for one that was not given.

    Raises:
        OttlBuildError: it can never fit.
    """
    if argument is None:
        return Operand.known(None)
    if isinstance(argument.value, syntax.FunctionName):
        raise OttlBuildError(
            f"{param.name} takes no function: expected {argument.value.name}(...)", argument.offset
        )
    if param.many:
        return _many(param, argument, compile_value)
    return _one(param.kind, param.name, argument.value, compile_value)


def _many(param: Param, argument: syntax.Argument, compile_value: CompileValue) -> Operand:
    if not isinstance(argument.value, syntax.ListLiteral):
        raise OttlBuildError(f"{param.name} must be a list in brackets", argument.offset)
    members = [_one(param.kind, param.name, item, compile_value) for item in argument.value.items]
    literals = [member.literal for member in members if not isinstance(member.literal, NotLiteral)]
    if len(literals) == len(members):
        return Operand.known(literals)
    readers = [member.read for member in members]
    return Operand(lambda context: [read(context) for read in readers])


def _one(kind: ParamKind, name: str, value: syntax.Value, compile_value: CompileValue) -> Operand:
    if kind in _LITERAL_TYPES:
        wanted, called = _LITERAL_TYPES[kind]
        if not isinstance(value, syntax.Literal) or type(value.value) is not wanted:
            raise OttlBuildError(f"{name} must be {called}", value.offset)
    operand = compile_value(value)
    if kind is ParamKind.ANY:
        return operand
    if isinstance(operand.literal, NotLiteral):
        read = operand.read
        return Operand(lambda context: convert(kind, read(context)))
    try:
        return Operand.known(convert(kind, operand.literal))
    except OttlEvaluationError as error:
        raise OttlBuildError(f"{name}: {error}", value.offset) from error


def _reader(function: Function, readers: list[Read], *, needs_context: bool) -> Read:
    if needs_context:
        return lambda context: function(context, *[read(context) for read in readers])
    if len(readers) == 1:
        only = readers[0]
        return lambda context: function(only(context))
    return lambda context: function(*[read(context) for read in readers])


def _with_keys(read: Read, keys: tuple[syntax.Value, ...]) -> Read:
    """Return how to read a member of a result; what is no literal key fails on every evaluation (spec/ottl.md 1.3)."""
    known = [key.value if isinstance(key, syntax.Literal) else None for key in keys]

    def read_member(context: EvaluationContext) -> Value:
        value = read(context)
        for key in known:
            if not isinstance(key, str | int):
                raise OttlEvaluationError(
                    f"cannot index a {kind_name(value)}: the key must be a string or an int as it stands"
                )
            value = index(value, key)
        return value

    return read_member
