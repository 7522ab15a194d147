"""Tests of a value's kind, and conversions to a kind (spec/ottl.md 4.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from daemon.ottl.errors import OttlBuildError
from daemon.ottl.functions.conversions import WrongKindError, convert
from daemon.ottl.functions.declare import plain
from daemon.ottl.functions.signature import Converter, Function, Param, ParamKind
from daemon.ottl.values import Opaque, TypedSlice, Value


def _kind_test(name: str, kind: ParamKind) -> Converter:
    """Return a test that is false for another kind, and refuses a literal of another kind at start-up.

    The parameter is declared ANY, since the wrong kind is an answer here and not an error.
    """

    def is_kind(value: Value) -> bool:
        try:
            convert(kind, value)
        except WrongKindError:
            return False
        return True

    def bind(literals: Mapping[str, Value]) -> Function:
        if "target" in literals and not is_kind(literals["target"]):
            raise OttlBuildError(f"{name} of a literal of another kind is never true")
        return is_kind

    return Converter(name=name, params=(Param("target", ParamKind.ANY),), bind=bind)


def is_list(value: Value) -> bool:
    """Return whether a value is a list; the collector does not count unsigned slices such as bucket counts."""
    if isinstance(value, TypedSlice):
        return value.element != "uint64"
    return isinstance(value, list) or opaque_size(value) is not None


def opaque_size(value: Value) -> int | None:
    """Return how many items a collection such as `data_points` holds; None for anything else."""
    if not isinstance(value, Opaque) or isinstance(value.target, str | bytes):
        return None
    return len(value.target) if isinstance(value.target, Sequence) else None


def _same(value: Value) -> Value:
    return value


CONVERTERS: Final[tuple[Converter, ...]] = (
    _kind_test("IsString", ParamKind.STRING),
    _kind_test("IsInt", ParamKind.INT),
    _kind_test("IsDouble", ParamKind.FLOAT),
    _kind_test("IsBool", ParamKind.BOOL),
    _kind_test("IsMap", ParamKind.MAP),
    plain("IsList", is_list, Param("target", ParamKind.ANY)),
    plain("Int", _same, Param("target", ParamKind.INT_LIKE)),
    plain("Double", _same, Param("target", ParamKind.FLOAT_LIKE)),
    plain("Bool", _same, Param("target", ParamKind.BOOL_LIKE)),
    plain("String", _same, Param("target", ParamKind.STRING_LIKE)),
)
