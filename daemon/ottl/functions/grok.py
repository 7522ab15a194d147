"""`ExtractGrokPatterns`: texts taken apart by named patterns (spec/ottl.md 4.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final  # Any: re2 ships no types

from daemon.ottl.errors import OttlBuildError, OttlError, OttlEvaluationError
from daemon.ottl.functions.conversions import MAX_INT64, MIN_INT64, convert, parse_float
from daemon.ottl.functions.declare import TARGET
from daemon.ottl.functions.gotext import from_utf8, to_utf8
from daemon.ottl.functions.grokpatterns import GROK_PATTERNS
from daemon.ottl.functions.patterns import MAX_PATTERN_BYTES, compile_pattern
from daemon.ottl.functions.signature import Converter, Function, Param, ParamKind
from daemon.ottl.values import Value

_REFERENCE: Final = re.compile(r"%\{(\w+)(?::([\w+.]+)(?::(\w+))?)?\}", re.ASCII)
_MAX_NESTING: Final = 32
_DOT: Final = "___"
"""Stands for a dot in a group's name, which RE2 does not take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grok:
    """A compiled grok pattern: `types` tells by group what a text becomes."""

    compiled: Any
    types: Mapping[str, str]


def compile_grok(pattern: str, definitions: Mapping[str, str], *, named_only: bool) -> Grok:
    """Return a pattern with its references filled in; a reference without a name captures unless `named_only`.

    Raises OttlEvaluationError for an unknown reference, a circle of references and a bad regular expression.
    """
    types: dict[str, str] = {}
    budget = [MAX_PATTERN_BYTES]

    def expand(text: str, nesting: int) -> str:
        budget[0] -= len(text)
        if nesting > _MAX_NESTING or budget[0] < 0:
            raise OttlEvaluationError(
                "ExtractGrokPatterns: the pattern is too large or refers to itself"
            )
        return _REFERENCE.sub(lambda found: refer(found, nesting), text)

    def refer(found: re.Match[str], nesting: int) -> str:
        name, field, kind = found.groups()
        if name not in definitions:
            raise OttlEvaluationError(
                f"ExtractGrokPatterns: pattern {name} is not known; define it in pattern_definitions"
            )
        inner = expand(definitions[name], nesting + 1)
        if field is None and named_only:
            return f"({inner})"
        group = (field or name).replace(".", _DOT)
        if kind is not None:
            types[group] = kind
        return f"(?P<{group}>{inner})"

    compiled = compile_pattern(expand(pattern, 0))
    if named_only and not compiled.groupindex:
        raise OttlEvaluationError("ExtractGrokPatterns: the pattern has no named group")
    return Grok(compiled=compiled, types=types)


def extract(grok: Grok, target: str) -> dict[str, Value]:
    """Return the groups that matched something, typed; an empty map when the pattern does not match."""
    found = grok.compiled.search(to_utf8(target))
    if found is None:
        return {}
    result: dict[str, Value] = {}
    for group, number in grok.compiled.groupindex.items():
        text = found.group(number)
        if text:
            name = group.decode("utf-8")
            result[name.replace(_DOT, ".")] = _typed(
                from_utf8(text), grok.types.get(name, "string")
            )
    return result


def _typed(text: str, kind: str) -> Value:
    match kind:
        case "string":
            return text
        case "int" | "long":
            number = convert(ParamKind.INT_LIKE, text)
            if not isinstance(number, int) or not MIN_INT64 <= number <= MAX_INT64:
                raise OttlEvaluationError(f"ExtractGrokPatterns: {text[:40]!r} is no int")
            return number
        case "float" | "double":
            return parse_float(text)
        case "bool" | "boolean":
            return convert(ParamKind.BOOL_LIKE, text)
        case _:
            raise OttlEvaluationError(f"ExtractGrokPatterns: type {kind} is not known")


def _bind(literals: Mapping[str, Value]) -> Function:
    named_only = literals.get("named_captures_only") is True
    definitions = {**GROK_PATTERNS, **_definitions(literals.get("pattern_definitions"))}
    if "pattern" not in literals:
        return lambda target, pattern, *_options: extract(
            compile_grok(pattern, definitions, named_only=named_only), target
        )
    try:
        grok = compile_grok(str(literals["pattern"]), definitions, named_only=named_only)
    except OttlError as error:
        raise OttlBuildError(str(error)) from None
    return lambda target, *_options: extract(grok, target)


def _definitions(given: Value) -> dict[str, str]:
    definitions: dict[str, str] = {}
    for entry in given if isinstance(given, list) else ():
        name, equals, pattern = str(entry).partition("=")
        if not equals or ":" in name:
            raise OttlBuildError(
                f"ExtractGrokPatterns: expected a definition NAME=pattern, got {str(entry)[:40]!r}"
            )
        definitions[name] = pattern
    return definitions


CONVERTERS: Final[tuple[Converter, ...]] = (
    Converter(
        name="ExtractGrokPatterns",
        params=(
            TARGET,
            Param("pattern", ParamKind.STRING),
            Param("named_captures_only", ParamKind.LITERAL_BOOL, optional=True),
            Param("pattern_definitions", ParamKind.LITERAL_STRING, many=True, optional=True),
        ),
        bind=_bind,
    ),
)
