"""Which functions and aggregations there are, and what they take and yield (promql.md 2.6 to 2.8, 4.1)."""

from __future__ import annotations

from dataclasses import dataclass

from query.values import ValueType

_TYPES = {
    "s": ValueType.SCALAR,
    "v": ValueType.INSTANT_VECTOR,
    "r": ValueType.RANGE_VECTOR,
    "t": ValueType.STRING,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The arguments of a function: the first `required` of `types` must be there, `repeats` repeats the last type."""

    types: tuple[ValueType, ...]
    required: int
    returns: ValueType
    repeats: bool = False


def _signature(notation: str) -> Signature:
    """Return the signature of a notation: `sr` two arguments, `v?s` one optional, `vtt?t*` repeating, `v:s` a scalar."""
    arguments, _, returns = notation.partition(":")
    required, _, optional = arguments.partition("?")
    letters = required + optional.removesuffix("*")
    return Signature(
        types=tuple(_TYPES[letter] for letter in letters),
        required=len(required),
        returns=_TYPES[returns or "v"],
        repeats=optional.endswith("*"),
    )


_NOTATIONS = {
    "r": """absent_over_time avg_over_time changes count_over_time delta deriv first_over_time idelta increase irate
        last_over_time max_over_time min_over_time present_over_time rate resets stddev_over_time stdvar_over_time
        sum_over_time""",
    "rs": "predict_linear",
    "sr": "quantile_over_time",
    "v": """abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor ln log10 log2 rad sgn sin sinh
        sort sort_desc sqrt tan tanh timestamp""",
    "?v": "day_of_month day_of_week day_of_year days_in_month hour minute month year",
    "v?s": "round",
    "vs": "clamp_max clamp_min",
    "vss": "clamp",
    "v:s": "scalar",
    "s": "vector",
    ":s": "pi time",
    "vtttt": "label_replace",
    "vtt?t*": "label_join",
    "sv": "histogram_quantile",
    "ssv": "histogram_fraction",
}

FUNCTIONS = {
    name: _signature(notation) for notation, names in _NOTATIONS.items() for name in names.split()
}
"""Every function there is, by name."""

AGGREGATIONS = {
    **dict.fromkeys(("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar")),
    **dict.fromkeys(("topk", "bottomk", "quantile"), ValueType.SCALAR),
    "count_values": ValueType.STRING,
}
"""Every aggregation there is, with the type of its parameter."""

NOT_SUPPORTED = frozenset(
    {
        "double_exponential_smoothing",
        "end",
        "fill",
        "fill_left",
        "fill_right",
        "histogram_avg",
        "histogram_count",
        "histogram_quantiles",
        "histogram_stddev",
        "histogram_stdvar",
        "histogram_sum",
        "info",
        "limit_ratio",
        "limitk",
        "mad_over_time",
        "max_of",
        "min_of",
        "range",
        "sort_by_label",
        "sort_by_label_desc",
        "start",
        "step",
        "ts_of_first_over_time",
        "ts_of_last_over_time",
        "ts_of_max_over_time",
        "ts_of_min_over_time",
    }
)
"""What looks like a function in Prometheus and is experimental or for native histograms (promql.md 4.1, T3 and N)."""
