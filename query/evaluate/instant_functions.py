"""Functions of instant vectors and scalars, by name (promql.md 2.7)."""

from __future__ import annotations

from query.evaluate.context import InstantFunction
from query.evaluate.conversions import CONVERSIONS
from query.evaluate.element_functions import ELEMENT_FUNCTIONS

INSTANT_FUNCTIONS: dict[str, InstantFunction] = {
    **CONVERSIONS,
    **ELEMENT_FUNCTIONS,
}
"""Every function without a range. `timestamp` knows the steps' times only: the samples' own are the selector's."""
