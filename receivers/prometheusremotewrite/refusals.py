"""Every reason for which the remote write receiver counts something it did not hand on."""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """Reasons given to the receiver's counter; each says what one unit is.

    The first group is answered with 400 (the rest of the request is stored all the same), the second with 204 as if
    all were well, as Prometheus does (promql.md 6.3).
    """

    UNDECODABLE_SERIES = "undecodable_series"
    """A time series that is not protobuf, or whose labels are not UTF-8."""
    TOO_MANY_LABELS = "too_many_labels"
    """A time series with more labels than any real one."""
    TOO_FAR_AHEAD = "too_far_ahead"
    """A sample more than 10 min ahead of the clock."""
    UNDECODABLE_METADATA = "undecodable_metadata"
    """Metadata that is not protobuf, or not UTF-8."""

    UNDECODABLE_REQUEST = "undecodable_request"
    """A request of which nothing was stored: no snappy, no protobuf, too large."""
    CONSUMER_ERROR = "consumer_error"
    """A request that the consumer did not take."""

    NO_NAME = "no_name"
    """A time series without `__name__`."""
    DUPLICATE_LABEL = "duplicate_label"
    """A time series that names a label twice."""
    SURPLUS_SAMPLE = "surplus_sample"
    """A sample of a series with more samples in one request than the largest window holds; the oldest go."""
    NATIVE_HISTOGRAM = "native_histogram"
    """A native histogram, which is not supported."""
    EXEMPLAR = "exemplar"
    """An exemplar, which is not kept."""
    METADATA_LIMIT = "metadata_limit"
    """Metadata of a new family when as many as are kept are known already."""
    CACHE_CLEARED = "cache_cleared"
    """A cache of series that was full and began anew."""


TOLD_TO_THE_WRITER = (
    Refusal.UNDECODABLE_SERIES,
    Refusal.TOO_MANY_LABELS,
    Refusal.TOO_FAR_AHEAD,
    Refusal.UNDECODABLE_METADATA,
)
"""What a 400 is answered for although the rest was stored."""
