"""Every reason for which the OpenCensus receiver counts something it did not hand on as it came."""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """Reasons given to the receiver's counter; each says what one unit is.

    The first group is lost data, the second group is kept but worth knowing.
    """

    UNDECODABLE_MESSAGE = "undecodable_message"
    """A message that is not protobuf, or whose Node or Resource is not, or of senseless size; the stream goes on (A10)."""
    NO_NODE = "no_node"
    """A stream whose first message has no Node; it was ended (opencensus.md 2.2)."""
    UNDECODABLE_METRIC = "undecodable_metric"
    """A metric whose descriptor or resource does not decode, or is of senseless size."""
    NO_DESCRIPTOR = "no_descriptor"
    """A metric without a descriptor (opencensus.md 3.3)."""
    UNSUPPORTED_TYPE = "unsupported_type"
    """A metric whose type is unspecified, GAUGE_DISTRIBUTION or unknown (opencensus.md 3.3)."""
    EMPTY_NAME = "empty_name"
    """A metric without a name."""
    UNDECODABLE_SERIES = "undecodable_series"
    """A time series that is not protobuf, has 10,000 points, or whose label values are not UTF-8 (opencensus.md A11)."""
    PHANTOM_SERIES = "phantom_series"
    """A time series that the sidecar's own exporter recorded about itself (opencensus.md 4.3)."""
    BAD_TIME = "bad_time"
    """A point whose time is missing, not after 1970 or beyond 2262 (opencensus.md 3.4)."""
    WRONG_VALUE = "wrong_value"
    """A point without a value, or with one of another type than its descriptor's (opencensus.md 3.4)."""
    NOT_FINITE = "not_finite"
    """A point that is NaN or infinite."""
    NEGATIVE_COUNT = "negative_count"
    """A distribution or summary with a negative count."""
    CONSUMER_ERROR = "consumer_error"
    """A message that the consumer did not take; the stream goes on (opencensus.md A17)."""
    NO_MEMORY = "no_memory"
    """A message that was too large for the memory that was free; the stream goes on."""

    SHIFTED_LABELS = "shifted_labels"
    """A time series with fewer values than keys that no rule repairs, each time its labels are read (4.2)."""
    CACHE_CLEARED = "cache_cleared"
    """A cache of descriptors, resources or label values that was full and began anew."""
    ONE_MESSAGE_STREAM = "one_message_stream"
    """A stream that ended after exactly one message: over and over, a report over the limit (opencensus.md 4.10)."""
