"""Calls of the functions that take a range vector: which there are, and the way of their windows (promql.md 2.5, 2.6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from query.errors import QueryError
from query.evaluate import over_time, rates, reaching, trends
from query.evaluate.context import Context
from query.evaluate.distinct import distinct
from query.evaluate.group_ranks import warn_of_quantiles
from query.evaluate.rates import Results
from query.evaluate.samples import Range
from query.evaluate.stepped import StepScalar, StepVector
from query.labels import METRIC_NAME, Labels
from query.syntax import Call, MatrixSelector, Reach
from query.text import Span

COUNTER_SUFFIXES = ("_total", "_sum", "_count", "_bucket")


Kernel = Callable[..., Results]
"""Takes Windows and then one float64[k] for each parameter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeFunction:
    """A function over windows."""

    kernel: Kernel
    keeps_name: bool = False
    wants_counter: bool = False
    """Whether a metric whose name is no counter's earns an info."""
    wants_share: bool = False
    """Whether a first parameter outside 0 to 1 earns a warning."""


RANGE_FUNCTIONS: Mapping[str, RangeFunction] = {
    "rate": RangeFunction(kernel=rates.rate, wants_counter=True),
    "increase": RangeFunction(kernel=rates.increase, wants_counter=True),
    "delta": RangeFunction(kernel=rates.delta),
    "irate": RangeFunction(kernel=rates.irate),
    "idelta": RangeFunction(kernel=rates.idelta),
    "resets": RangeFunction(kernel=rates.resets),
    "changes": RangeFunction(kernel=rates.changes),
    "deriv": RangeFunction(kernel=trends.deriv),
    "predict_linear": RangeFunction(kernel=trends.predict_linear),
    "sum_over_time": RangeFunction(kernel=over_time.sum_of),
    "avg_over_time": RangeFunction(kernel=over_time.avg),
    "min_over_time": RangeFunction(kernel=over_time.smallest),
    "max_over_time": RangeFunction(kernel=over_time.largest),
    "count_over_time": RangeFunction(kernel=over_time.count),
    "present_over_time": RangeFunction(kernel=over_time.present),
    "first_over_time": RangeFunction(kernel=over_time.first, keeps_name=True),
    "last_over_time": RangeFunction(kernel=over_time.last, keeps_name=True),
    "stddev_over_time": RangeFunction(kernel=over_time.stddev),
    "stdvar_over_time": RangeFunction(kernel=over_time.stdvar),
    "quantile_over_time": RangeFunction(kernel=over_time.quantile, wants_share=True),
}
"""Every function over a range but `absent_over_time`, which is about all series at once."""


REACHING: Mapping[Reach, Mapping[str, Kernel]] = {
    Reach.ANCHORED: {
        "changes": lambda w: reaching.anchored_events(w, rates.changes_in(w)),
        "delta": lambda w: reaching.anchored(w, is_counter=False),
        "increase": lambda w: reaching.anchored(w, is_counter=True),
        "rate": lambda w: rates.per_second(w, reaching.anchored(w, is_counter=True)),
        "resets": lambda w: reaching.anchored_events(w, rates.drops_in(w)),
    },
    Reach.SMOOTHED: {
        "delta": lambda w: reaching.smoothed(w, is_counter=False),
        "increase": lambda w: reaching.smoothed(w, is_counter=True),
        "rate": lambda w: rates.per_second(w, reaching.smoothed(w, is_counter=True)),
    },
}
"""The functions that know what to do with samples beyond the edges."""


def call_range_function(
    context: Context, call: Call, samples: Range, parameters: Sequence[StepScalar]
) -> StepVector:
    """Return one value for each series and step.

    Raises:
        SameLabelsError: Two series have equal labels without their names.
        QueryError: The function does not go with `anchored` or `smoothed`, or the budget is used up.
    """
    function = RANGE_FUNCTIONS[call.name]
    vector = map_windows(context, samples, _kernel(call, function), parameters)
    if function.wants_share:
        asked = parameters[0].values[vector.present.any(axis=0)]
        warn_of_quantiles(context.annotations, asked, call.args[0].span)
    if function.wants_counter:
        _inform_of_gauges(context, vector, call.args[-1].span)
    if not function.keeps_name:
        vector = context.without_name(vector)
    return spread(context, distinct(vector, context.labels, merge=False))


def map_windows(
    context: Context, samples: Range, kernel: Kernel, parameters: Sequence[StepScalar] = ()
) -> StepVector:
    """Return what `kernel` makes of each window, under the series' own labels."""
    steps, series = len(samples.end_ms), samples.series
    values = np.zeros(steps * series.number)
    present = np.zeros(steps * series.number, dtype=np.bool_)
    for place, windows in samples.windows():
        context.budget.check()
        step = np.arange(place.start, place.stop) // series.number if parameters else None
        arguments = [parameter.values[step] for parameter in parameters]
        values[place], present[place] = kernel(windows, *arguments)
    shape = (steps, series.number)
    return StepVector(
        labels=series.labels,
        values=values.reshape(shape).T,
        present=present.reshape(shape).T,
        drops_name=series.drops_name,
    )


def _kernel(call: Call, function: RangeFunction) -> Kernel:
    """Return what the function does, as far as its range reaches.

    Raises:
        QueryError: It does not go with `anchored` or `smoothed`.
    """
    reach = _reach(call)
    return REACHING[reach][call.name] if reach else function.kernel


def _reach(call: Call) -> Reach | None:
    """Return how far the range of a call reaches beyond its edges.

    Raises:
        QueryError: The function does not go with it.
    """
    for argument in call.args:
        if isinstance(argument, MatrixSelector) and (reach := argument.selector.reach):
            if call.name not in REACHING[reach]:
                able = ", ".join(REACHING[reach])
                raise QueryError(
                    f"{reach} modifier can only be used with: {able} - not with {call.name}"
                )
            return reach
    return None


def absent_over_time(context: Context, call: Call, samples: Range, labels: Labels) -> StepVector:
    """Return 1 with `labels` at the steps whose windows hold no sample of any series.

    Raises:
        QueryError: The range is `anchored` or `smoothed`.
    """
    _reach(call)
    first, until = samples.bounds()
    absent = np.count_nonzero(until > first, axis=1) == 0
    vector = StepVector(
        labels=[labels], values=np.ones((1, len(absent))), present=absent[np.newaxis, :]
    )
    return spread(context, vector)


def spread(context: Context, vector: StepVector) -> StepVector:
    """Return `vector`, evaluated once because its time is pinned, at all steps."""
    shape = (len(vector.labels), len(context.times_ms))
    if vector.values.shape == shape:
        return vector
    return replace(
        vector,
        values=np.broadcast_to(vector.values, shape),
        present=np.broadcast_to(vector.present, shape),
    )


def _inform_of_gauges(context: Context, vector: StepVector, span: Span) -> None:
    """Tell of the metrics that have a value and no counter's name."""
    names, number = context.labels.remember(
        vector.labels, "metric names", lambda: _number_names(vector.labels)
    )
    gauges = [i for i, name in enumerate(names) if name and not name.endswith(COUNTER_SUFFIXES)]
    if not gauges:
        return
    there = vector.present.any(axis=1)
    for i in gauges:
        if (there & (number == i)).any() if len(names) > 1 else there.any():
            message = (
                "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "
                f'"{names[i]}"'
            )
            context.annotations.inform(message, span)


def _number_names(labels: Sequence[Labels]) -> tuple[list[str], npt.NDArray[np.int32]]:
    """Return the metric names in `labels`, and for each label set the number of its name."""
    numbers: dict[str, int] = {}
    number = np.array(
        [numbers.setdefault(_name(one), len(numbers)) for one in labels], dtype=np.int32
    )
    return list(numbers), number


def _name(labels: Labels) -> str:
    return next((value for name, value in labels if name == METRIC_NAME), "")
