"""Every reason for which the OTLP receiver counts something it did not hand on as it came (otlp.md 1.4)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Refusal(StrEnum):
    """Reasons given to the receiver's counter; each but those of the last group counts rejected data points."""

    UNDECODABLE = "undecodable"
    """A point that is not protobuf, or one of a metric, scope or resource that is not."""
    NOT_UTF8 = "not_utf8"
    """A point with text that is not UTF-8: its own, or its metric's, scope's or resource's."""
    TOO_MANY_ATTRIBUTES = "too_many_attributes"
    """A point with more attributes than `max_attributes`, its own, or its metric's, scope's or resource's."""
    NESTED_TOO_DEEP = "nested_too_deep"
    """A point with lists and maps in an attribute that are nested out of all proportion."""
    EMPTY_NAME = "empty_name"
    """A point of a metric without a name."""
    NO_TEMPORALITY = "no_temporality"
    """A point of a sum or histogram that is neither delta nor cumulative."""
    TOO_MANY_POINTS = "too_many_points"
    """A point of a metric with more points in one request than the store has room for series."""
    NO_TIME = "no_time"
    """A point without a time."""
    TOO_FAR_AHEAD = "too_far_ahead"
    """A point more than 10 minutes ahead of the clock."""
    NO_VALUE = "no_value"
    """A number point without a value that does not say that it has none."""
    WRONG_BUCKETS = "wrong_buckets"
    """A histogram whose bucket counts are neither none nor one more than its bounds."""
    UNORDERED_BOUNDS = "unordered_bounds"
    """A histogram whose bounds do not increase."""
    WRONG_SCALE = "wrong_scale"
    """An exponential histogram with a scale outside -10 to 20."""
    TOO_MANY_BUCKETS = "too_many_buckets"
    """An exponential histogram with more than 1,000 buckets on a side."""
    WRONG_QUANTILE = "wrong_quantile"
    """A summary with a quantile outside 0 to 1."""

    BAD_EXEMPLAR = "bad_exemplar"
    """An exemplar that cannot be read; its point is kept."""
    CACHE_CLEARED = "cache_cleared"
    """A cache of resources, scopes, headers or attributes that was full and began anew."""


EXPLANATIONS: Mapping[Refusal, str] = {
    Refusal.UNDECODABLE: "not the protobuf message that it should be",
    Refusal.NOT_UTF8: "text that is not UTF-8",
    Refusal.TOO_MANY_ATTRIBUTES: "too many attributes (max_attributes)",
    Refusal.NESTED_TOO_DEEP: "attributes nested too deep or with too many parts",
    Refusal.EMPTY_NAME: "a metric without a name",
    Refusal.NO_TEMPORALITY: "neither delta nor cumulative temporality",
    Refusal.TOO_MANY_POINTS: "too many data points of one metric in one request",
    Refusal.NO_TIME: "a data point without a time",
    Refusal.TOO_FAR_AHEAD: "a time more than 10 minutes ahead of the receiver's clock",
    Refusal.NO_VALUE: "a data point without a value",
    Refusal.WRONG_BUCKETS: "bucket counts must be one more than the bounds, or none",
    Refusal.UNORDERED_BOUNDS: "bucket bounds that do not increase",
    Refusal.WRONG_SCALE: "a scale outside -10 to 20",
    Refusal.TOO_MANY_BUCKETS: "more than 1000 exponential buckets on one side",
    Refusal.WRONG_QUANTILE: "a quantile outside 0 to 1",
}
"""What the sender is told of each reason for which a data point is rejected."""


class RefusedError(Exception):
    """A part of a request is refused; does not leave this package."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal
