"""Random series and random queries over them, each from one seed.

Not hypothesis strategies: those prefer small choices, so that most queries would be bare selectors over one series.
"""

from __future__ import annotations

import math
import random

from query.labels import METRIC_NAME, Labels

Dataset = dict[Labels, list[tuple[int, float]]]

_NAMES = ("c_total", "g", "h_bucket")
_VALUES = {"a": ("1", "2", "3"), "b": ("", "u", "v"), "le": ("0.1", "1", "+Inf")}
_WINDOWS = ("10s", "31s", "1m", "2m")
_FILLINGS = ('a="1"', 'a!="1"', 'b=""', 'b=~"u|v"', 'a=~"1.*"', 'b!~"u"', 'le="1"')
_MODIFIERS = (*[""] * 5, " offset 30s", " offset -20s", " @ 100", " @ start()", " @ end()")
_CLAUSES = ("", " by (a)", " by (a, b)", " without (a)", " without (le)", " by (__name__)")
_MATCHINGS = ("", "", " on (a)", " on (a, b)", " ignoring (b)", " ignoring (a, le)", " on ()")
_MANY = ("", "", " group_left ()", " group_right ()", " group_left (b)", " group_right (le)")
_UNARY = [
    "abs",
    "ceil",
    "floor",
    "sqrt",
    "sgn",
    "sort",
    "sort_desc",
    "timestamp",
    "ln",
    "exp",
    "deg",
    "sin",
    "absent",
]
_OF_RANGES = [
    "rate",
    "rate",
    "increase",
    "increase",
    "delta",
    "delta",
    "irate",
    "idelta",
    "deriv",
    "resets",
    "changes",
    "sum_over_time",
    "avg_over_time",
    "min_over_time",
    "max_over_time",
    "count_over_time",
    "last_over_time",
    "first_over_time",
    "present_over_time",
    "stddev_over_time",
    "stdvar_over_time",
    "absent_over_time",
]
_REACHING = ["rate", "increase", "delta", "resets", "changes"]
_FOLDS = ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"]
_NUMBERS = ("2", "-1.5", "0", "time()", "scalar(g)")
_KINDS = {
    "c_total": ("counter", "counter", "late"),
    "g": ("gauge", "counter", "odd"),
    "h_bucket": ("counter", "late", "odd"),
}
_ODD = (None, math.nan, math.inf, -math.inf, -0.0, 0.5, 1e6, -3.0, 7.0)


def random_dataset(seed: int, *, steps: int = 25, step_ms: int = 10_000) -> Dataset:
    """Series of three metrics with labels of few values: counters, gauges, and odd ones."""
    chance = random.Random(seed)
    series: Dataset = {}
    for _ in range(chance.randint(3, 12)):
        labels = {METRIC_NAME: chance.choice(_NAMES)}
        for name, values in _VALUES.items():
            if name != "le" or labels[METRIC_NAME] == "h_bucket":
                labels[name] = chance.choice(values)
        phase_ms = chance.choice((0, 0, 1, 3_700, 9_999))
        samples = [
            (i * step_ms + phase_ms, value)
            for i, value in enumerate(_numbers(chance, labels[METRIC_NAME], steps))
            if value is not None
        ]
        series[tuple(sorted((k, v) for k, v in labels.items() if v))] = samples
    return series


def _numbers(chance: random.Random, name: str, steps: int) -> list[float | None]:
    kind = chance.choice(_KINDS[name])
    if kind == "odd":
        return [chance.choice(_ODD) for _ in range(steps)]
    gaps = chance.choice((0.0, 0.1, 0.4))
    born = chance.randrange(steps) if kind == "late" else 0
    total, values = float(chance.choice((0, 0, 3, 1_000))), list[float | None]()
    for i in range(steps):
        total = 0.0 if chance.random() < 0.04 else total + chance.randrange(9)
        value = float(chance.randrange(-9, 9)) if kind == "gauge" else total
        values.append(None if i < born or chance.random() < gaps else value)
    return values


def random_query(seed: int, levels: int = 3) -> str:
    """Well-typed PromQL over the series of `random_dataset`."""
    return _Writer(random.Random(seed)).vector(levels)


class _Writer:
    """Writes expressions; `levels` is how many operations may stand above each other."""

    def __init__(self, chance: random.Random) -> None:
        self._one = chance.choice
        self._chance = chance.random
        self._kinds = (
            *(self._unary, self._over_range, self._over_range, self._over_range, self._reaching),
            *(self._fold, self._fold, self._bounded, self._with_scalar, self._joined),
            *(self._joined, self._combined, self._special, self._labels),
        )

    def vector(self, levels: int) -> str:
        if levels == 0 or self._chance() < 0.1:
            return self._selector() + self._one(_MODIFIERS)
        return self._one(self._kinds)(levels - 1)

    def _selector(self) -> str:
        filling = ", ".join(self._one(_FILLINGS) for _ in range(self._one((0, 0, 1, 2))))
        name = self._one((*_NAMES, *_NAMES, ""))
        if name:
            return name + (f"{{{filling}}}" if filling else "")
        return f'{{__name__=~"g|c_total", {filling}}}' if filling else '{__name__!=""}'

    def _range(self, levels: int) -> str:
        modifier, window = self._one(_MODIFIERS), self._one(_WINDOWS)
        if self._chance() < 0.75:
            return f"{self._selector()}[{window}]{modifier}"
        return f"({self.vector(levels)})[{window}:{self._one(('', '10s', '7s'))}]{modifier}"

    def _unary(self, levels: int) -> str:
        return f"{self._one(_UNARY)}({self.vector(levels)})"

    def _over_range(self, levels: int) -> str:
        function = self._one(_OF_RANGES)
        if function in {"changes", "resets"}:
            # Of samples only: the last digit of a computed value must not count as a change.
            return f"{function}({self._selector()}[{self._one(_WINDOWS)}]{self._one(_MODIFIERS)})"
        return f"{function}({self._range(levels)})"

    def _reaching(self, _levels: int) -> str:
        selector, modifier = self._selector(), self._one(_MODIFIERS)
        if self._chance() < 0.2:
            return f"{selector} smoothed{modifier}"
        reach = self._one(("anchored", "smoothed"))
        function = self._one(_REACHING)
        if function in {"rate", "increase"}:
            # A counter that is negative or infinite has no meaning between its samples.
            selector = self._one(("c_total", 'c_total{a="1"}'))
        return f"{function}({selector}[{self._one(_WINDOWS)}] {reach}{modifier})"

    def _fold(self, levels: int) -> str:
        return f"{self._one(_FOLDS)}{self._one(_CLAUSES)} ({self.vector(levels)})"

    def _bounded(self, levels: int) -> str:
        inner, number = self.vector(levels), self._one(_NUMBERS)
        return self._one(
            (
                f"clamp({inner}, 1, 5)",
                f"clamp_max({inner}, {number})",
                f"clamp_min({inner}, {number})",
                f"round({inner}, 5)",
                f"-({inner})",
                f"vector({number})",
                f"minute(timestamp({inner}))",
            )
        )

    def _with_scalar(self, levels: int) -> str:
        op = self._one(["+", "-", "*", "/", "%", "^", "atan2", "==", "!=", "<", "<=", ">", ">="])
        modifier = " bool" if op in "==!=<=>=" and self._chance() < 0.5 else ""
        sides = [f"({self.vector(levels)})", self._one(_NUMBERS)]
        left, right = sides if self._chance() < 0.5 else reversed(sides)
        return f"{left} {op}{modifier} {right}"

    def _joined(self, levels: int) -> str:
        op = self._one(["+", "-", "*", "/", "==", "!=", "<", ">"])
        modifier = " bool" if op in "==!=<>" and self._chance() < 0.5 else ""
        matching = self._one(_MATCHINGS)
        many = self._one(_MANY) if matching else ""
        if matching in {" on (a, b)", " ignoring (a, le)"}:
            many = many and many.partition(" (")[0] + " ()"
        left, right = self.vector(levels), self.vector(levels)
        return f"({left}) {op}{modifier}{matching}{many} ({right})"

    def _combined(self, levels: int) -> str:
        op = self._one(("and", "or", "unless"))
        return f"({self.vector(levels)}) {op}{self._one(_MATCHINGS)} ({self.vector(levels)})"

    def _special(self, levels: int) -> str:
        inner, samples = self.vector(levels), self._range(levels)
        return self._one(
            (
                f"quantile by (a) (0.3, {inner})",
                f"quantile_over_time(0.7, {samples})",
                f"predict_linear({samples}, 60)",
                f"histogram_quantile(0.5, {inner})",
                f"histogram_quantile(0.9, {self._one(('rate', 'increase'))}(h_bucket[1m]))",
                f'count_values by (b) ("v", {self._selector()})',
                f"topk by (a) (100, {inner})",
                f"bottomk(time(), {inner})",
                f"absent_over_time({samples})",
            )
        )

    def _labels(self, levels: int) -> str:
        inner = self.vector(levels)
        return self._one(
            (
                f'label_replace({inner}, "b", "$1x", "a", "([12])")',
                f'label_replace({inner}, "a", "", "a", ".*")',
                f'label_join({inner}, "b", "-", "a", "le")',
            )
        )
