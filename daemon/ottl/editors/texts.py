"""Editors of texts: replace what a pattern or glob matches (spec/ottl.md 6.3)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from daemon.ottl.attributes import valid_text
from daemon.ottl.editors.maps import Map, edit_map
from daemon.ottl.editors.signature import TARGET, Arguments, Editor, refuse
from daemon.ottl.editors.templates import glob_to_pattern, parse_template, replace_matches
from daemon.ottl.errors import OttlBuildError, OttlEvaluationError
from daemon.ottl.evaluation import Edit, EditContext, EvaluationContext
from daemon.ottl.functions.conversions import kind_name
from daemon.ottl.functions.gotext import to_utf8
from daemon.ottl.functions.patterns import bind_pattern, compile_cached, compile_pattern
from daemon.ottl.functions.signature import Param, ParamKind

Replace = Callable[[EvaluationContext, str], str]
_Compiled = Any  # Any: re2 ships no types

_parsed: Final = lru_cache(maxsize=256)(parse_template)


@lru_cache(maxsize=64)
def _glob(glob: str) -> _Compiled:
    return compile_pattern(glob_to_pattern(glob), captures=False)


def _transform(arguments: Arguments) -> Replace:
    """Return what `function` and `replacement_format` make of a replacement."""
    function = arguments.functions.get("function")
    read_format = arguments.read("replacement_format")

    def transform(context: EvaluationContext, replacement: str) -> str:
        if function is None:
            return replacement
        value = function(context, replacement)
        if not isinstance(value, str):
            raise OttlEvaluationError(f"the function gave a {kind_name(value)}: expected string")
        template = read_format(context)
        if template is None:
            return value
        if not isinstance(template, str) or template.count("%s") != 1 or template.count("%") != 1:
            raise OttlEvaluationError("replacement_format needs one %s and no other verb")
        return template.replace("%s", value)

    return transform


def _by_pattern(arguments: Arguments) -> Replace:
    """Return how to replace all matches of a regular expression."""
    literal = bind_pattern(arguments.literals, "pattern")
    read_pattern, read_template = arguments.read("pattern"), arguments.read("replacement")
    transform = _transform(arguments)

    def replace(context: EvaluationContext, text: str) -> str:
        compiled = literal or compile_cached(str(read_pattern(context)))
        parts = _parsed(str(read_template(context)))
        return valid_text(
            replace_matches(compiled, parts, text, lambda expanded: transform(context, expanded))
        )

    return replace


def _by_glob(arguments: Arguments) -> Replace:
    """Return how to replace a text as a whole where a glob matches it."""
    if "pattern" in arguments.literals:
        try:
            _glob(arguments.text("pattern"))
        except OttlEvaluationError as error:
            raise OttlBuildError(str(error)) from None
    read_glob, read_replacement = arguments.read("pattern"), arguments.read("replacement")
    transform = _transform(arguments)

    def replace(context: EvaluationContext, text: str) -> str:
        if _glob(str(read_glob(context))).search(to_utf8(text)) is None:
            return text
        return valid_text(transform(context, str(read_replacement(context))))

    return replace


def _edit_text(arguments: Arguments, replace: Replace) -> Edit:
    """Return the edit of one text; a target of another kind is left alone."""
    target = arguments.target
    read, write = target.read, target.write

    def edit(context: EditContext) -> None:
        text = read(context)
        if isinstance(text, str):
            replaced = replace(context, text)
            if replaced != text:
                write(context, replaced)

    return edit


def _edit_values(arguments: Arguments, replace: Replace) -> Edit:
    def change(context: EvaluationContext, held: Map) -> Map:
        changed: Map = {}
        for key, value in held.items():
            if isinstance(value, str) and (replaced := replace(context, value)) != value:
                changed[key] = replaced
        return {**held, **changed} if changed else held

    return edit_map(arguments.target, change)


def _edit_keys(arguments: Arguments, replace: Replace) -> Edit:
    def change(context: EvaluationContext, held: Map) -> Map:
        changed = {replace(context, key): value for key, value in held.items()}
        return held if list(changed) == list(held) else changed

    return edit_map(arguments.target, change)


def _bind_replace_all_patterns(arguments: Arguments) -> Edit:
    mode = arguments.choice("mode", "key", "value")
    edit = _edit_keys if mode == "key" else _edit_values
    return edit(arguments, _by_pattern(arguments))


def _editor(name: str, bind: Callable[[Arguments], Edit], *between: Param) -> Editor:
    return Editor(name=name, params=(TARGET, *between, *_REPLACEMENT), bind=_checked(bind))


def _checked(bind: Callable[[Arguments], Edit]) -> Callable[[Arguments], Edit]:
    def bind_checked(arguments: Arguments) -> Edit:
        if "replacement_format" in arguments.readers and not arguments.functions:
            refuse("replacement_format formats what a function gives: name a function, too")
        return bind(arguments)

    return bind_checked


_REPLACEMENT: Final = (
    Param("pattern", ParamKind.STRING),
    Param("replacement", ParamKind.STRING),
    Param("function", ParamKind.FUNCTION, optional=True),
    Param("replacement_format", ParamKind.STRING, optional=True),
)

EDITORS: Final[tuple[Editor, ...]] = (
    _editor("replace_pattern", lambda arguments: _edit_text(arguments, _by_pattern(arguments))),
    _editor("replace_match", lambda arguments: _edit_text(arguments, _by_glob(arguments))),
    _editor("replace_all_matches", lambda arguments: _edit_values(arguments, _by_glob(arguments))),
    _editor(
        "replace_all_patterns", _bind_replace_all_patterns, Param("mode", ParamKind.LITERAL_STRING)
    ),
)
