"""Functions of instant vectors and scalars, by name (promql.md 2.7)."""

from __future__ import annotations

from query.evaluate.calendar_functions import CALENDAR_FUNCTIONS
from query.evaluate.context import InstantFunction
from query.evaluate.conversions import CONVERSIONS
from query.evaluate.element_functions import ELEMENT_FUNCTIONS
from query.evaluate.histogram_functions import HISTOGRAM_FUNCTIONS
from query.evaluate.label_functions import LABEL_FUNCTIONS

INSTANT_FUNCTIONS: dict[str, InstantFunction] = {
    **CALENDAR_FUNCTIONS,
    **CONVERSIONS,
    **ELEMENT_FUNCTIONS,
    **HISTOGRAM_FUNCTIONS,
    **LABEL_FUNCTIONS,
}
"""Every function without a range. `timestamp` knows the steps' times only: the samples' own are the selector's."""
