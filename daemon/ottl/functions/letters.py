"""Converters of letter case (spec/ottl.md 4.3): lower, upper, snake_case, CamelCase."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from daemon.ottl.errors import OttlBuildError
from daemon.ottl.functions.declare import TARGET, plain
from daemon.ottl.functions.gotext import GO_SPACE
from daemon.ottl.functions.signature import Converter, Function, Param, ParamKind
from daemon.ottl.values import Value


def to_lower(target: str) -> str:
    """Return the text in lower case, each character by itself: no final sigma, no combining dot."""
    return "".join(char.lower()[0] for char in target)


def to_upper(target: str) -> str:
    """Return the text in upper case, each character by itself: `ß` stays."""
    return "".join(map(_upper_character, target))


def to_snake(target: str) -> str:
    """Return snake_case: `HTTPServerName` gives `http_server_name`, digits are words of their own."""
    text = target.strip(GO_SPACE)
    pieces: list[str] = []
    for index, char in enumerate(text):
        before = text[index - 1] if index else ""
        after = text[index + 1 : index + 2]
        if _is_upper(char) and _is_lower(after) and _is_upper(before):
            pieces.append("_")
        pieces.append("_" if char in _SEPARATORS else _lower_ascii(char))
        if _word_ends(char, after):
            pieces.append("_")
    return "".join(pieces)


def to_camel(target: str) -> str:
    """Return CamelCase with a first capital: `my_metric` gives `MyMetric`; other than ASCII letters and digits go."""
    pieces: list[str] = []
    capital_next, after_capital = True, False
    for char in target.strip(GO_SPACE):
        letter = _is_lower(char) or _is_upper(char)
        if letter and capital_next:
            pieces.append(char.upper())
        elif letter:
            pieces.append(_lower_ascii(char) if after_capital else char)
        elif _is_digit(char):
            pieces.append(char)
        capital_next = not letter and (_is_digit(char) or char in _SEPARATORS)
        after_capital = _is_upper(char)
    return "".join(pieces)


def _bind_convert_case(literals: Mapping[str, Value]) -> Function:
    case = literals["to_case"]
    if not isinstance(case, str) or case not in _CASES:
        raise OttlBuildError(f"ConvertCase: expected lower, upper, snake or camel, got {case!r}")
    convert = _CASES[case]
    return lambda target, _case: convert(target)


def _upper_character(char: str) -> str:
    for candidate in (char.upper(), char.title()):
        if len(candidate) == 1:
            return candidate
    return char


def _word_ends(char: str, after: str) -> bool:
    if _is_digit(char):
        return _is_upper(after) or _is_lower(after)
    if _is_lower(char):
        return _is_upper(after) or _is_digit(after)
    return _is_upper(char) and _is_digit(after)


def _is_upper(char: str) -> bool:
    return "A" <= char <= "Z"


def _is_lower(char: str) -> bool:
    return "a" <= char <= "z"


def _is_digit(char: str) -> bool:
    return "0" <= char <= "9"


def _lower_ascii(char: str) -> str:
    return char.lower() if _is_upper(char) else char


_SEPARATORS: Final = " _-."

_CASES: Final[dict[str, Callable[[str], str]]] = {
    "lower": to_lower,
    "upper": to_upper,
    "snake": to_snake,
    "camel": to_camel,
}

CONVERTERS: Final[tuple[Converter, ...]] = (
    plain("ToLowerCase", to_lower, TARGET),
    plain("ToUpperCase", to_upper, TARGET),
    plain("ToSnakeCase", to_snake, TARGET),
    plain("ToCamelCase", to_camel, TARGET),
    Converter(
        name="ConvertCase",
        params=(TARGET, Param("to_case", ParamKind.LITERAL_STRING)),
        bind=_bind_convert_case,
    ),
)
