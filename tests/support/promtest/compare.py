"""Whether an answer is the expected one, by the rules of promql.md 4.4."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Sequence

from query.labels import Labels
from tests.support.promtest.script import Eval, Expected
from tests.support.promtest.series import Absent, Value
from tests.support.promtest.subject import Answer, Matrix, Scalar, String, Vector

TOLERANCE = 1e-6
_POSITION = re.compile(r" \(\d+:\d+\)$")


def same_float(left: float, right: float, tolerance: float = TOLERANCE) -> bool:
    """Return whether two floats count as equal: both NaN, identical, or within the tolerance of their sum."""
    if math.isnan(left) or math.isnan(right):
        return math.isnan(left) and math.isnan(right)
    if left == right:
        return True
    together = abs(left) + abs(right)
    if math.isinf(together) and (math.isinf(left) or math.isinf(right)):
        return False
    if left == 0 or right == 0 or together < sys.float_info.min:
        return abs(left - right) < tolerance * sys.float_info.min
    return abs(left - right) / min(together, sys.float_info.max) < tolerance


def differences(asked: Eval, answer: Answer) -> list[str]:
    """Return what is wrong with an answer; nothing if it is as expected."""
    expected = asked.expected
    found = _annotations(expected, answer)
    value = answer.value
    if expected.string is not None:
        got = value.value if isinstance(value, String) else value
        return [*found, *_unless(got == expected.string, f"{expected.string!r}", got)]
    if expected.scalar is not None:
        good = isinstance(value, Scalar) and same_float(value.value, expected.scalar)
        return [*found, *_unless(good, f"the scalar {expected.scalar}", value)]
    match value:
        case Vector():
            found += _vector(expected, value)
        case Matrix():
            start_ms, end_ms, step_ms = expected.matrix_ms or (
                asked.start_ms,
                asked.end_ms,
                asked.step_ms or 1,
            )
            found += _matrix(expected, value, start_ms, end_ms, step_ms)
        case _:
            found.append(f"expected {len(expected.series)} series, got {value}")
    return found


def _unless(good: bool, expected: str, got: object) -> list[str]:
    return [] if good else [f"expected {expected}, got {got}"]


def _vector(expected: Expected, value: Vector) -> list[str]:
    found: list[str] = []
    wanted = {labels: _single(values) for labels, values in expected.series}
    got = dict(value.elements)
    if len(got) != len(value.elements):
        found.append("two elements have the same labels")
    for labels, number in wanted.items():
        if labels not in got:
            found.append(f"missing {format_labels(labels)}")
        elif not same_float(got[labels], number):
            found.append(f"{format_labels(labels)}: expected {number!r}, got {got[labels]!r}")
    found += [
        f"unexpected {format_labels(labels)} {got[labels]!r}" for labels in got.keys() - wanted
    ]
    if expected.ordered and not found and list(wanted) != [labels for labels, _ in value.elements]:
        found.append(f"wrong order: {[format_labels(labels) for labels, _ in value.elements]}")
    return found


def _single(values: Sequence[Value]) -> float:
    only = values[0] if values else math.nan
    return math.nan if isinstance(only, Absent) else only


def _matrix(
    expected: Expected, value: Matrix, start_ms: int, end_ms: int, step_ms: int
) -> list[str]:
    found: list[str] = []
    if len({labels for labels, _ in value.series}) != len(value.series):
        found.append("two series have the same labels")
    got = dict(value.series)
    wanted = dict(expected.series)
    found += [f"unexpected {format_labels(labels)} {got[labels]}" for labels in got.keys() - wanted]
    for labels, values in wanted.items():
        points = {
            start_ms + i * step_ms: number
            for i, number in enumerate(values)
            if not isinstance(number, Absent) and start_ms + i * step_ms <= end_ms
        }
        if labels not in got and points:
            found.append(f"missing {format_labels(labels)}")
        else:
            found += _points(labels, points, dict(got.get(labels, [])))
    if not found and [labels for labels, _ in value.series] != sorted(got, key=sort_key):
        found.append("the series are not sorted by their labels")
    return found


def _points(labels: Labels, wanted: dict[int, float], got: dict[int, float]) -> list[str]:
    if wanted.keys() != got.keys():
        return [f"{format_labels(labels)}: expected {wanted}, got {got}"]
    return [
        f"{format_labels(labels)} at {time} ms: expected {number!r}, got {got[time]!r}"
        for time, number in wanted.items()
        if not same_float(number, got[time])
    ]


def sort_key(labels: Labels) -> Labels:
    """Return what Prometheus sorts series by: name, value, name, value, ..."""
    return labels


def _annotations(expected: Expected, answer: Answer) -> list[str]:
    found = []
    kinds = (("warn", expected.warns, answer.warnings), ("info", expected.infos, answer.infos))
    for kind, wanted, got in kinds:
        if wanted is not None and wanted != bool(got):
            found.append(f"expected {'' if wanted else 'no '}{kind}, got {list(got)}")
        for what, how, text in expected.texts:
            if what == kind and got and not any(_says(how, text, one) for one in got):
                found.append(f"expected {kind} {how}: {text}, got {list(got)}")
    return found


def failure_differences(asked: Eval, error: Exception) -> list[str]:
    """Return how an error's text is none of those expected; it may say more, and where."""
    wanted = [(how, text) for what, how, text in asked.expected.texts if what == "fail"]
    return [
        f"expected to fail with {how}: {text}, got {error}"
        for how, text in wanted
        if not re.search(text if how == "regex" else re.escape(text), str(error))
    ]


def _says(how: str, text: str, got: str) -> bool:
    if how == "regex":
        return re.search(text, got) is not None
    return _POSITION.sub("", text) == _POSITION.sub("", got)


def format_labels(labels: Labels) -> str:
    """Return a label set as text."""
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}"
