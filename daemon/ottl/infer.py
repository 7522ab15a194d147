"""Which context conditions and statements belong to when the configuration does not say (spec/ottl.md 5.2, 6.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from daemon.ottl import syntax
from daemon.ottl.editors.signature import Editor
from daemon.ottl.errors import OttlBuildError
from daemon.ottl.fields import ENUMS, PREFIXES
from daemon.ottl.functions.registry import CONVERTERS
from daemon.ottl.functions.signature import Converter
from daemon.ottl.parser import parse_condition

_Node = syntax.Boolean | syntax.Value | syntax.FunctionName | syntax.Statement
_BY_PRIORITY = ("datapoint", "metric", "scope", "instrumentation_scope", "resource")
_FALLBACKS = ("datapoint", "metric", "scope")


@dataclass(frozen=True, slots=True)
class _Uses:
    """What conditions and statements name."""

    prefixes: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    enums: set[str] = field(default_factory=set)


def infer_context(text: str, converters: Mapping[str, Converter] = CONVERTERS) -> str:
    """Return the context of a condition with prefixed paths.

    The lowest level that a path names is taken; if it lacks a function or enum that the condition uses, the first lower
    one that has them all. What exists nowhere is left for the compiler to name.

    Raises:
        OttlBuildError: the text is no condition, or no context fits it.
    """
    return infer_common_context([parse_condition(text)], converters)


def infer_common_context(
    trees: Iterable[syntax.Boolean | syntax.Statement],
    functions: Mapping[str, Converter | Editor] = CONVERTERS,
) -> str:
    """Return the one context of conditions and statements with prefixed paths that stand together.

    Raises:
        OttlBuildError: no context fits them.
    """
    uses = _Uses()
    for tree in trees:
        for node in _walk(tree):
            _note(node, uses)
    prefix = next((name for name in _BY_PRIORITY if name in uses.prefixes), None)
    if prefix is None:
        expected = ", ".join(f"{name}." for name in PREFIXES)
        raise OttlBuildError(
            f"cannot tell the context: expected a path that begins with one of {expected}", 0
        )
    if prefix == "instrumentation_scope":
        raise OttlBuildError("instrumentation_scope is no context of its own: write scope.", 0)
    lower = [name for name in _FALLBACKS if name != prefix and prefix in PREFIXES[name]]
    for context in (prefix, *lower):
        if _offers(context, uses, functions):
            return context
    raise OttlBuildError(f"no context has {prefix}. and all functions and enums used here", 0)


def _offers(context: str, uses: _Uses, functions: Mapping[str, Converter | Editor]) -> bool:
    for name in uses.functions & functions.keys():
        contexts = functions[name].contexts
        if contexts is not None and context not in contexts:
            return False
    existing = uses.enums & ENUMS["datapoint"].keys()
    return existing <= ENUMS[context].keys()


def _note(node: object, uses: _Uses) -> None:
    match node:
        case syntax.Path(segments=(first, _, *_)) if not first.keys:
            uses.prefixes.add(first.name)
        case syntax.Call():
            uses.functions.add(node.name)
        case syntax.Enum():
            uses.enums.add(node.name)


def _walk(node: _Node) -> Iterator[_Node]:
    yield node
    for child in _children(node):
        yield from _walk(child)


def _children(node: _Node) -> Iterable[_Node]:
    match node:
        case syntax.Or() | syntax.And():
            return node.operands
        case syntax.Not() | syntax.Signed():
            return (node.operand,)
        case syntax.Comparison():
            return (node.left, node.right)
        case syntax.Statement():
            return (node.editor,) if node.where is None else (node.editor, node.where)
        case syntax.Call():
            return (*(argument.value for argument in node.arguments), *node.keys)
        case syntax.Path():
            return [key for segment in node.segments for key in segment.keys]
        case syntax.ListLiteral():
            return node.items
        case syntax.MapLiteral():
            return [item for _, item in node.items]
        case syntax.Math():
            return (node.first, *(operand for _, operand in node.rest))
        case _:
            return ()
