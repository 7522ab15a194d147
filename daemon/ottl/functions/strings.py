"""Converters of text: joining, cutting, trimming (spec/ottl.md 4.3). Offsets count bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.functions.declare import TARGET, plain
from daemon.ottl.functions.gotext import from_utf8, to_utf8
from daemon.ottl.functions.signature import Converter, Param, ParamKind
from daemon.ottl.values import TypedSlice


def concat(parts: Sequence[str | None], delimiter: str) -> str:
    """Return the parts joined; nil prints as `<nil>`."""
    return delimiter.join("<nil>" if part is None else part for part in parts)


def split(target: str, delimiter: str) -> TypedSlice:
    """Return the pieces between delimiters, or the characters when the delimiter is empty."""
    return TypedSlice("string", tuple(target.split(delimiter) if delimiter else target))


def substring(target: str, start: int, length: int) -> str:
    """Return `length` bytes from `start`; the cut may go through a character."""
    data = to_utf8(target)
    if start < 0:
        raise OttlEvaluationError(f"Substring: start must not be negative, got {start}")
    if length <= 0:
        raise OttlEvaluationError(f"Substring: length must be positive, got {length}")
    if start + length > len(data):
        raise OttlEvaluationError(
            f"Substring: bytes {start} to {start + length} lie past the end of a text of {len(data)}"
        )
    return from_utf8(data[start : start + length])


def has_prefix(target: str, prefix: str) -> bool:
    """Return whether the text begins so."""
    return target.startswith(prefix)


def has_suffix(target: str, suffix: str) -> bool:
    """Return whether the text ends so."""
    return target.endswith(suffix)


def trim(target: str, replacement: str | None = None) -> str:
    """Return the text without any of the given characters (blanks when none are given) at both ends."""
    return target.strip(" " if replacement is None else replacement)


def trim_prefix(target: str, prefix: str) -> str:
    """Return the text without the prefix, taken off once."""
    return target.removeprefix(prefix)


def trim_suffix(target: str, suffix: str) -> str:
    """Return the text without the suffix, taken off once."""
    return target.removesuffix(suffix)


CONVERTERS: Final[tuple[Converter, ...]] = (
    plain(
        "Concat",
        concat,
        Param("vals", ParamKind.STRING_LIKE, many=True),
        Param("delimiter", ParamKind.STRING),
    ),
    plain("Split", split, TARGET, Param("delimiter", ParamKind.STRING)),
    plain(
        "Substring",
        substring,
        TARGET,
        Param("start", ParamKind.INT),
        Param("length", ParamKind.INT),
    ),
    plain("HasPrefix", has_prefix, TARGET, Param("prefix", ParamKind.STRING)),
    plain("HasSuffix", has_suffix, TARGET, Param("suffix", ParamKind.STRING)),
    plain("Trim", trim, TARGET, Param("replacement", ParamKind.LITERAL_STRING, optional=True)),
    plain("TrimPrefix", trim_prefix, TARGET, Param("prefix", ParamKind.STRING)),
    plain("TrimSuffix", trim_suffix, TARGET, Param("suffix", ParamKind.STRING)),
)
