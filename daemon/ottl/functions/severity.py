"""`ParseSeverity`: the name of the level whose criteria a value meets (spec/ottl.md 4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from daemon.ottl.errors import OttlBuildError, OttlEvaluationError
from daemon.ottl.functions.conversions import kind_name
from daemon.ottl.functions.signature import Converter, Function, Param, ParamKind
from daemon.ottl.values import Value

_HTTP_RANGES: Final = {
    f"{hundred}xx": (hundred * 100, hundred * 100 + 99) for hundred in (2, 3, 4, 5)
}


@dataclass(frozen=True, slots=True)
class Criterion:
    """What makes a value belong to a level: one of some texts, or an integer within a range."""

    level: str
    texts: frozenset[str]
    low: int
    high: int

    def meets(self, value: str | int) -> bool:
        """Tell whether the value belongs to the level."""
        return value in self.texts if isinstance(value, str) else self.low <= value <= self.high


def _bind(literals: Mapping[str, Value]) -> Function:
    mapping = literals.get("mapping")
    if not isinstance(mapping, dict):
        raise OttlBuildError("ParseSeverity: expected the mapping as a map literal")
    criteria = [
        _read(level, entry)
        for level, entries in mapping.items()
        for entry in _entries(level, entries)
    ]

    def parse(target: Value, _mapping: Value) -> str:
        if isinstance(target, bool) or not isinstance(target, str | int):
            raise OttlEvaluationError(
                f"ParseSeverity: expected string or int, got {kind_name(target)}"
            )
        for criterion in criteria:
            if criterion.meets(target):
                return criterion.level
        raise OttlEvaluationError(f"ParseSeverity: no level for {str(target)[:40]!r}")

    return parse


def _entries(level: str, entries: Value) -> list[Value]:
    if not isinstance(entries, list):
        raise OttlBuildError(f"ParseSeverity: level {level!r}: expected a list of criteria")
    return entries


def _read(level: str, entry: Value) -> Criterion:
    if not isinstance(entry, dict):
        raise OttlBuildError(f"ParseSeverity: level {level!r}: expected a map with equals or range")
    texts = entry.get("equals", [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise OttlBuildError(f"ParseSeverity: level {level!r}: equals: expected a list of strings")
    low, high = _range(level, entry["range"]) if "range" in entry else (1, 0)
    return Criterion(level, frozenset(str(text) for text in texts), low, high)


def _range(level: str, limits: Value) -> tuple[int, int]:
    if isinstance(limits, str) and limits in _HTTP_RANGES:
        return _HTTP_RANGES[limits]
    if isinstance(limits, dict):
        low, high = limits.get("min"), limits.get("max")
        if type(low) is int and type(high) is int:
            return low, high
    known = ", ".join(_HTTP_RANGES)
    raise OttlBuildError(
        f"ParseSeverity: level {level!r}: range: expected min and max, or one of {known}"
    )


CONVERTERS: Final[tuple[Converter, ...]] = (
    Converter(
        name="ParseSeverity",
        params=(Param("target", ParamKind.ANY), Param("mapping", ParamKind.MAP)),
        bind=_bind,
    ),
)
