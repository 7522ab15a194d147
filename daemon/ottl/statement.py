"""A statement's text to a function that changes what is at hand (spec/ottl.md 6.1)."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.ottl import syntax
from daemon.ottl.calls import bind_argument, check_context, match_arguments
from daemon.ottl.compile import Compiler
from daemon.ottl.editors.registry import EDITORS
from daemon.ottl.editors.signature import Apply, Arguments, Editor
from daemon.ottl.errors import OttlBuildError
from daemon.ottl.evaluation import Edit, EditContext, NotLiteral, Read, Test
from daemon.ottl.functions.conversions import convert
from daemon.ottl.functions.registry import CONVERTERS
from daemon.ottl.functions.signature import Converter, Param, ParamKind
from daemon.ottl.parser import parse_statement
from daemon.ottl.targets import Target
from daemon.ottl.values import Value
from query.text import nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A compiled statement; `where` and `edit` raise OttlEvaluationError when they cannot judge or cannot change.

    `gate` is the beginning of the where that reads only metric header, resource and scope: where it is false, the where
    is. With `gate_is_where` that is all of it. With `header_only` the whole statement neither reads nor changes anything
    else, and what it does depends on nothing else; with `changes_header` it may change some of the three.
    """

    text: str
    context: str
    editor: str
    gate: Test
    where: Test
    edit: Edit
    is_unconditional: bool
    gate_is_where: bool
    header_only: bool
    changes_header: bool

    def run(self, context: EditContext) -> None:
        """Edit, if the where says so."""
        if self.where(context):
            self.edit(context)


def compile_statement(text: str, context: str, *, prefixed: bool = False) -> Statement:
    """Return the statement that `text` says in `context`: resource, scope, metric or datapoint.

    With `prefixed` every path must begin with a context name.

    Raises:
        OttlBuildError: the text is no statement, or not in this context.
    """
    tree = parse_statement(text)
    editor = _find_editor(tree.editor, context)
    compiler = Compiler(context, prefixed=prefixed)
    arguments = _bind_arguments(tree.editor, editor, compiler)
    edit = _bind_edit(tree.editor, editor, arguments)
    judge = Compiler(context, prefixed=prefixed)
    test = True if tree.where is None else judge.boolean(tree.where)
    return Statement(
        text=text.strip(),
        context=context,
        editor=editor.name,
        gate=_gate(tree.where, context, prefixed=prefixed),
        where=_test(test),
        edit=edit,
        is_unconditional=test is True,
        gate_is_where=judge.header_only,
        header_only=compiler.header_only and judge.header_only and not editor.touches_points,
        changes_header=editor.changes_header
        or any(target.remembered for target in arguments.targets.values()),
    )


def _test(test: Test | bool) -> Test:
    return (lambda _context: test) if isinstance(test, bool) else test


def _gate(where: syntax.Boolean | None, context: str, *, prefixed: bool) -> Test:
    """Return the operands of a top-level `and` up to the first that reads more than header, resource and scope."""
    operands = where.operands if isinstance(where, syntax.And) else (where,)
    tests: list[Test] = []
    for operand in operands:
        compiler = Compiler(context, prefixed=prefixed)
        test = True if operand is None else compiler.boolean(operand)
        if not compiler.header_only:
            break
        if test is not True:
            tests.append(_test(test))
    if len(tests) == 1:
        return tests[0]
    return lambda at: all(test(at) for test in tests)


def _find_editor(call: syntax.Call, context: str) -> Editor:
    editor = EDITORS.get(call.name)
    if editor is None:
        close = nearest(call.name, EDITORS)
        hint = f": did you mean {close}?" if close else f": expected one of {', '.join(EDITORS)}"
        raise OttlBuildError(f"unknown editor {call.name}{hint}", call.offset)
    check_context(call, editor.contexts, context)
    return editor


def _bind_edit(call: syntax.Call, editor: Editor, arguments: Arguments) -> Edit:
    try:
        return editor.bind(arguments)
    except OttlBuildError as error:
        where = error.offset if error.offset is not None else call.offset
        raise OttlBuildError(error.message, where) from error


def _bind_arguments(call: syntax.Call, editor: Editor, compiler: Compiler) -> Arguments:
    given = match_arguments(call, editor.params)
    targets: dict[str, Target] = {}
    functions: dict[str, Apply] = {}
    readers: dict[str, Read] = {}
    literals: dict[str, Value] = {}
    for param in editor.params:
        argument = given.get(param.name)
        if argument is None:
            continue
        if param.kind is ParamKind.TARGET:
            targets[param.name] = _target(param, argument, compiler)
        elif param.kind is ParamKind.FUNCTION:
            functions[param.name] = _function(param, argument)
        else:
            operand = bind_argument(param, argument, compiler.value)
            readers[param.name] = operand.read
            if not isinstance(operand.literal, NotLiteral):
                literals[param.name] = operand.literal
    return Arguments(targets=targets, functions=functions, readers=readers, literals=literals)


def _target(param: Param, argument: syntax.Argument, compiler: Compiler) -> Target:
    if not isinstance(argument.value, syntax.Path):
        raise OttlBuildError(
            f"{param.name} must be a path: nothing else can be changed", argument.offset
        )
    return compiler.target(argument.value)


def _function(param: Param, argument: syntax.Argument) -> Apply:
    """Return how to call a converter of one text that was passed by name."""
    name = argument.value
    if not isinstance(name, syntax.FunctionName | syntax.Enum):
        raise OttlBuildError(
            f"{param.name} must be the name of a function, without brackets", argument.offset
        )
    converter = CONVERTERS.get(name.name)
    if converter is None:
        close = nearest(name.name, CONVERTERS)
        hint = f": did you mean {close}?" if close else ""
        raise OttlBuildError(f"unknown function {name.name}{hint}", name.offset)
    if converter.needs_context or not converter.params or _needs_more(converter):
        raise OttlBuildError(f"{name.name} does not take one text", name.offset)
    function, kind = converter.bind({}), converter.params[0].kind
    others = [None] * (len(converter.params) - 1)
    return lambda _context, value: function(convert(kind, value), *others)


def _needs_more(converter: Converter) -> bool:
    return any(not param.optional or param.many for param in converter.params[1:])
