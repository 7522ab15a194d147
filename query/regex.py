"""Matchers over one label: equality and RE2 regular expressions, with the common ones decided without RE2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import re2

from query.errors import RegexError
from query.labels import Matcher, MatchOp

_LONGEST_REASON: Final = 100
"""RE2 quotes the pattern."""
_META: Final = frozenset(r"\.+*?()|[]{}^$")


def build_matcher(name: str, op: MatchOp, value: str) -> Matcher:
    r"""Return the matcher `name op value`.

    A regular expression is RE2, anchored at both ends, its dot matches a newline (promql.md 2.3). The result of
    `accepts` is not remembered here.

    Raises:
        RegexError: The regular expression is not valid, or uses `\C`.
    """
    if op is MatchOp.EQUAL:
        return Matcher(name, op, value, lambda text: text == value)
    if op is MatchOp.NOT_EQUAL:
        return Matcher(name, op, value, lambda text: text != value)
    accepts = compile_regex(value)
    if op is MatchOp.REGEX:
        return Matcher(name, op, value, accepts)
    return Matcher(name, op, value, lambda text: not accepts(text))


def compile_regex(pattern: str) -> Callable[[str], bool]:
    """Return a function that tells whether a whole text matches `pattern`.

    Raises:
        RegexError: As `build_matcher`.
    """
    return _without_regex(pattern) or _with_re2(pattern)


def escape_regex(text: str) -> str:
    """Return a pattern that matches `text` and nothing else."""
    return "".join(f"\\{char}" if char in _META else char for char in text)


def _without_regex(pattern: str) -> Callable[[str], bool] | None:
    """Return the test for a pure alternation of literals, `prefix.*` or `prefix.+`; None for anything else."""
    tail = pattern[-2:] if pattern[-2:] in {".*", ".+"} else ""
    alternatives = _literals(pattern.removesuffix(tail) if tail else pattern)
    if alternatives is None or (tail and len(alternatives) > 1):
        return None
    if not tail:
        accepted = frozenset(alternatives)
        return lambda text: text in accepted
    prefix = alternatives[0]
    shortest = len(prefix) + (tail == ".+")
    return lambda text: len(text) >= shortest and text.startswith(prefix)


def _literals(pattern: str) -> list[str] | None:
    r"""Return the alternatives of `a|b\.c|d` as plain texts, or None if one of them is no literal."""
    alternatives = [""]
    chars = iter(pattern)
    for char in chars:
        if char == "|":
            alternatives.append("")
        elif char == "\\":
            escaped = next(chars, "")
            if escaped not in _META or not escaped:
                return None
            alternatives[-1] += escaped
        elif char in _META or "\ud800" <= char <= "\udfff":
            return None
        else:
            alternatives[-1] += char
    return alternatives


def _with_re2(pattern: str) -> Callable[[str], bool]:
    if _has_backslash_c(pattern):
        raise RegexError(r"invalid regular expression: \C, a single byte, is not supported")
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    try:
        compiled = re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        raise RegexError(f"invalid regular expression: {_reason(error)}") from error
    return lambda text: compiled.fullmatch(text) is not None


def _has_backslash_c(pattern: str) -> bool:
    chars = iter(pattern)
    return any(char == "\\" and next(chars, "") == "C" for char in chars)


def _reason(error: Exception) -> str:
    """Return RE2's complaint as text; the extension module hands it over as bytes."""
    if isinstance(error, UnicodeEncodeError):
        return "not a Unicode text"
    reason = error.args[0] if error.args else ""
    text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    return text if len(text) <= _LONGEST_REASON else text[:_LONGEST_REASON] + "…"
