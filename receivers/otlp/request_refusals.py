"""Every reason for which the OTLP receiver does not take a whole request."""

from __future__ import annotations

from enum import StrEnum


class RequestRefusal(StrEnum):
    """Reasons given to the counter of rejected requests; each says what one unit is."""

    MALFORMED = "malformed"
    """A request that is no protobuf, JSON, or not what its Content-Encoding says."""
    TOO_LARGE = "too_large"
    """A request over the limit, before or after decompression, once a peer and minute: senders try again.

    Over gRPC also a call that its sender gave up before its message was there, for the two look alike.
    """
    UNSUPPORTED_ENCODING = "unsupported_encoding"
    """An HTTP request in a Content-Encoding that is not taken."""
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    """An HTTP request that is neither application/x-protobuf nor application/json."""
    WRONG_METHOD = "wrong_method"
    """An HTTP request to the right path that is no POST."""
    WRONG_PATH = "wrong_path"
    """An HTTP request to a path that takes no metrics."""
    OTHER_SIGNAL = "other_signal"
    """A request with logs, traces or profiles."""
    NOT_HTTP = "not_http"
    """Bytes on the HTTP port that are no HTTP/1 request."""
    UNAUTHENTICATED = "unauthenticated"
    """A request without the credentials that the port asks for."""
    TOO_SLOW = "too_slow"
    """A request that was not there in time."""
    TOO_MANY_CONNECTIONS = "too_many_connections"
    """A connection over `max_connections`, closed at once."""
    SHUTTING_DOWN = "shutting_down"
    """A request that came while tallyd was stopping."""
    RETRYABLE = "retryable"
    """A request that was not taken and may be later: memory is short."""
    PERMANENT = "permanent"
    """A request that the pipeline refused for good."""
    CONSUMER_FAILED = "consumer_failed"
    """A request on which a consumer failed by a defect; the log tells which."""
