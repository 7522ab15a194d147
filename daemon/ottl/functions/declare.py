"""Short forms for declaring converters."""

from __future__ import annotations

from daemon.ottl.functions.signature import Converter, Function, Param, ParamKind

TARGET = Param("target", ParamKind.STRING)


def plain(name: str, function: Function, *params: Param) -> Converter:
    """Return a converter that has nothing to prepare at start-up."""
    return Converter(name=name, params=params, bind=lambda _literals: function)
