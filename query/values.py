"""Closed sets of the query language: the four value types and the operations over time."""

from __future__ import annotations

from enum import StrEnum


class ValueType(StrEnum):
    """What an expression yields (spec/promql.md 2.1); the value is how messages call it."""

    SCALAR = "scalar"
    INSTANT_VECTOR = "instant vector"
    RANGE_VECTOR = "range vector"
    STRING = "string"


class OverTime(StrEnum):
    """`operationOverTime` of a trigger: what becomes of one series' samples in the window (spec/promql.md 3.3)."""

    LAST_ONE = "last_one"
    RATE = "rate"
    INCREASE = "increase"
    COUNT = "count"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    SUM = "sum"
