"""Functions of each element's value: arithmetic, rounding, clamping, trigonometry (promql.md 2.7)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from query.evaluate.arguments import scalar_argument, vector_argument
from query.evaluate.context import Argument, Context, InstantFunction
from query.evaluate.stepped import StepScalar, StepVector
from query.queryable import Float64Array
from query.syntax import Call


def _element_wise(operation: Callable[[Float64Array], Float64Array]) -> InstantFunction:
    """Return the function that applies `operation` to values and drops the name."""

    def function(context: Context, _: Call, arguments: Sequence[Argument]) -> StepVector:
        vector = vector_argument(arguments, 0)
        with np.errstate(all="ignore"):
            return context.without_name(replace(vector, values=operation(vector.values)))

    return function


def _sgn(values: Float64Array) -> Float64Array:
    return np.where(values < 0, -1.0, np.where(values > 0, 1.0, values))


def _round(context: Context, _: Call, arguments: Sequence[Argument]) -> StepVector:
    """Round to the nearest multiple, ties up; a multiple of 0 gives NaN."""
    vector = vector_argument(arguments, 0)
    nearest = scalar_argument(arguments, 1).values if len(arguments) > 1 else np.ones(1)
    with np.errstate(all="ignore"):
        inverse = 1.0 / nearest
        values = np.floor(vector.values * inverse + 0.5) / inverse
    return context.without_name(replace(vector, values=values))


def _clamp(context: Context, _: Call, arguments: Sequence[Argument]) -> StepVector:
    """Bound values; nothing is left where the upper bound is below the lower one."""
    vector = vector_argument(arguments, 0)
    lower, upper = (scalar_argument(arguments, place).values for place in (1, 2))
    values = _larger(lower, _smaller(upper, vector.values))
    present = vector.present & ~(upper < lower)
    return context.without_name(replace(vector, values=values, present=present))


def _clamp_min(context: Context, _: Call, arguments: Sequence[Argument]) -> StepVector:
    vector = vector_argument(arguments, 0)
    values = _larger(scalar_argument(arguments, 1).values, vector.values)
    return context.without_name(replace(vector, values=values))


def _clamp_max(context: Context, _: Call, arguments: Sequence[Argument]) -> StepVector:
    vector = vector_argument(arguments, 0)
    values = _smaller(scalar_argument(arguments, 1).values, vector.values)
    return context.without_name(replace(vector, values=values))


def _larger(left: Float64Array, right: Float64Array) -> Float64Array:
    """Return the larger ones; NaN wins against all but infinity."""
    largest = (left == np.inf) | (right == np.inf)
    return np.where(largest, np.inf, np.maximum(left, right))


def _smaller(left: Float64Array, right: Float64Array) -> Float64Array:
    """Return the smaller ones; NaN wins against all but minus infinity."""
    smallest = (left == -np.inf) | (right == -np.inf)
    return np.where(smallest, -np.inf, np.minimum(left, right))


def _pi(context: Context, _: Call, __: Sequence[Argument]) -> StepScalar:
    return StepScalar(values=np.full(len(context.times_ms), math.pi))


_OPERATIONS: dict[str, Callable[[Float64Array], Float64Array]] = {
    "abs": np.abs,
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "deg": lambda values: values * 180.0 / math.pi,
    "exp": np.exp,
    "floor": np.floor,
    "ln": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "rad": lambda values: values * math.pi / 180.0,
    "sgn": _sgn,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}

ELEMENT_FUNCTIONS: dict[str, InstantFunction] = {
    **{name: _element_wise(operation) for name, operation in _OPERATIONS.items()},
    "clamp": _clamp,
    "clamp_max": _clamp_max,
    "clamp_min": _clamp_min,
    "pi": _pi,
    "round": _round,
}
