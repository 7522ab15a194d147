"""Converters of regular expressions: RE2 searches (spec/ottl.md 4.3, 8)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import re2

from daemon.ottl.errors import OttlBuildError, OttlEvaluationError
from daemon.ottl.functions.declare import TARGET
from daemon.ottl.functions.gotext import to_utf8
from daemon.ottl.functions.signature import Converter, Function, Param, ParamKind
from daemon.ottl.values import Value

MAX_PATTERN_BYTES: Final = 64 * 1024
"""Longer patterns are refused: a program of RE2 is many times as large as its text."""


def compile_pattern(pattern: str, *, captures: bool = True) -> Any:  # Any: re2 ships no types
    """Return the compiled RE2 pattern over bytes; without captures a search costs less.

    Raises OttlEvaluationError for a pattern that Go's regexp refuses. A single byte (backslash, capital C) is the one
    escape that RE2 takes and Go does not (ottl.md 8).
    """
    data = to_utf8(pattern)
    if len(data) > MAX_PATTERN_BYTES:
        raise OttlEvaluationError(
            f"pattern has {len(data)} bytes, at most {MAX_PATTERN_BYTES} are taken"
        )
    if _has_any_byte_escape(pattern):
        raise OttlEvaluationError(r"bad pattern: \C is not supported; write (?s:.)")
    try:
        return re2.compile(data, options=_options(captures))
    except re2.error as error:
        raise OttlEvaluationError(f"bad pattern: {_reason(error)}") from None


def bind_pattern(
    literals: Mapping[str, Value], function: str, *, captures: bool = True
) -> Any:  # Any: re2 ships no types
    """Return the compiled literal pattern, or None when the pattern is known at run time only."""
    if "pattern" not in literals:
        return None
    try:
        return compile_pattern(str(literals["pattern"]), captures=captures)
    except OttlEvaluationError as error:
        raise OttlBuildError(f"{function}: {error}") from None


compile_cached: Final = lru_cache(maxsize=64)(compile_pattern)
"""For patterns computed at run time: there are few of them, if any."""


def _bind_is_match(literals: Mapping[str, Value]) -> Function:
    compiled = bind_pattern(literals, "IsMatch", captures=False)
    if compiled is not None:
        search = compiled.search

        def match_literal(target: str | None, _pattern: str) -> bool:
            return target is not None and search(to_utf8(target)) is not None

        return match_literal

    def match_computed(target: str | None, pattern: str) -> bool:
        search_once = compile_cached(pattern, captures=False).search
        return target is not None and search_once(to_utf8(target)) is not None

    return match_computed


def _bind_extract_patterns(literals: Mapping[str, Value]) -> Function:
    literal = bind_pattern(literals, "ExtractPatterns")

    def extract(target: str, pattern: str) -> dict[str, Value]:
        compiled = literal or compile_cached(pattern)
        if not compiled.groupindex:
            raise OttlEvaluationError("ExtractPatterns: the pattern has no named group")
        found = compiled.search(to_utf8(target))
        if found is None:
            return {}
        groups = {name: found.group(number) for name, number in compiled.groupindex.items()}
        return {_text(name): _text(group or b"") for name, group in groups.items()}

    return extract


def _text(data: str | bytes) -> str:
    return data if isinstance(data, str) else data.decode("utf-8", "surrogateescape")


def _options(captures: bool) -> Any:  # Any: re2 ships no types
    options = re2.Options()
    options.log_errors = False
    options.never_capture = not captures
    return options


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else "not understood"
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


def _has_any_byte_escape(pattern: str) -> bool:
    """Tell whether the escape for a single byte stands outside of a quotation."""
    at = 0
    while (at := pattern.find("\\", at)) >= 0:
        following = pattern[at + 1 : at + 2]
        if following == "C":
            return True
        if following == "Q":
            end = pattern.find("\\E", at)
            if end < 0:
                return False
            at = end
        at += 2
    return False


_PATTERN: Final = Param("pattern", ParamKind.STRING)

CONVERTERS: Final[tuple[Converter, ...]] = (
    Converter(
        name="IsMatch",
        params=(Param("target", ParamKind.STRING_LIKE), _PATTERN),
        bind=_bind_is_match,
    ),
    Converter(name="ExtractPatterns", params=(TARGET, _PATTERN), bind=_bind_extract_patterns),
)
