"""What a WriteRequest becomes (promql.md 6.1, 6.3)."""

from __future__ import annotations

import math
import struct
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.queryable import STALE_BITS
from receivers.errors import DecodeError
from receivers.model import MetricType
from receivers.prometheusremotewrite.decode import Decoder, FamilyMetadata, Written
from receivers.prometheusremotewrite.refusals import Refusal
from tests.support.remote_write import (
    field,
    metadata,
    sample,
    time_series,
    write_request,
)

NOW = 1_700_000_000_000
STALE = struct.unpack("<d", struct.pack("<Q", STALE_BITS))[0]
X = (("__name__", "x"), ("a", "1"))
Y = (("__name__", "y"), ("a", "1"))

Row = tuple[str, tuple[tuple[str, object], ...], int, float]


def rows(written: Written) -> list[Row]:
    """Every sample as (name, labels, time in ms, value), read without decoding points."""
    found: list[Row] = []
    for batch in written.batches:
        for metric in batch:
            assert metric.encoded is not None
            for row in metric.encoded.rows():
                attributes, start = metric.encoded.describe(row.key)
                assert (start, row.sum) == (0, None)
                found.append(
                    (
                        metric.header.name,
                        tuple(sorted(attributes.items())),
                        row.time_unix_nano // 1_000_000,
                        row.value,
                    )
                )
    return found


def decoded(decoder: Decoder, raw: bytes, at_ms: int) -> Written:
    """What all parts hold together."""
    batches, refused = [], Counter[Refusal]()
    for part in decoder.decode(raw, at_ms):
        batches += part.batches
        refused += part.refused
    return Written(batches=batches, refused=refused)


def refused(written: Written) -> dict[str, int]:
    return {str(reason): amount for reason, amount in written.refused.items() if amount}


def x(*samples: tuple[int, float]) -> bytes:
    return time_series(X, samples)


def test_a_sample_is_a_gauge_without_start() -> None:
    """Name, labels, time and value; what a writer calls a counter is not taken for one."""
    decoder = Decoder()
    written = decoded(decoder, write_request([x((NOW, 2.5))]), NOW)
    assert rows(written) == [("x", (("a", "1"),), NOW, 2.5)]
    assert [m.header.type for batch in written.batches for m in batch] == [MetricType.GAUGE]


@pytest.mark.parametrize(
    "samples",
    [
        [(NOW, 1.5)],
        [(NOW, 0.0)],
        [(NOW, -0.0)],
        [(0, 3.0)],
        [(0, 0.0)],
        [(-1_000, 3.0)],
        [(1, 1.0), (2, 2.0), (3, 0.0)],
        [(NOW + 600_000, 1.0)],
        [],
    ],
    ids=str,
)
def test_a_known_series_reads_the_same(samples: list[tuple[int, float]]) -> None:
    """The short way for series that were seen before gives what the long way gives."""
    decoder = Decoder()
    request = write_request([x(*samples), time_series(Y, [(NOW, 7.0)])])
    first = rows(decoded(decoder, request, NOW))
    again = rows(decoded(decoder, request, NOW))
    assert sorted(first) == sorted(again)
    assert [(t, v) for name, _, t, v in first if name == "x"] == samples


def test_zeros_that_encoders_leave_out_are_read() -> None:
    """A sample of 0 has no value field, one at 0 no time field; a known series takes both ways."""
    decoder = Decoder()
    zero = field(2, sample(NOW, 1.0)[9:])
    at_zero = field(2, sample(0, 1.0)[:9])
    for _ in range(2):
        written = decoded(
            decoder, write_request([time_series(X, [], zero), time_series(Y, [], at_zero)]), NOW
        )
        assert sorted(rows(written)) == [
            ("x", (("a", "1"),), NOW, 0.0),
            ("y", (("a", "1"),), 0, 1.0),
        ]


def test_stale_markers_keep_their_bits() -> None:
    """Both ways, the short one and the long one."""
    decoder = Decoder()
    for _ in range(2):
        ((_, _, _, value),) = rows(decoded(decoder, write_request([x((NOW, STALE))]), NOW))
        assert struct.pack("<d", value) == struct.pack("<Q", STALE_BITS)


def test_points_can_be_decoded() -> None:
    """Processors see ordinary data points."""
    written = decoded(Decoder(), write_request([x((NOW, 1.0), (NOW + 1, 2.0))]), NOW)
    ((metric,),) = written.batches
    assert [(p.attributes, p.time_unix_nano // 10**6) for p in metric.data_points] == [
        ({"a": "1"}, NOW),
        ({"a": "1"}, NOW + 1),
    ]


BAD_LABEL = field(1, field(1, b"a") + field(2, b"\xff"))


@pytest.mark.parametrize(
    ("series", "reason"),
    [
        (time_series([("a", "1")], [(NOW, 1.0)]), "no_name"),
        (time_series([("__name__", "")], [(NOW, 1.0)]), "no_name"),
        (time_series([*X, ("a", "2")], [(NOW, 1.0)]), "duplicate_label"),
        (time_series([*X, ("__name__", "z")], [(NOW, 1.0)]), "duplicate_label"),
        (field(1, field(1, b"__name__") + field(2, b"x")) + BAD_LABEL, "undecodable_series"),
        (b"\xff\xff", "undecodable_series"),
        (b"\x0a\x00" * 501, "too_many_labels"),
        (field(1, b"\xff"), "undecodable_series"),
        (x((NOW + 600_001, 1.0)), "too_far_ahead"),
        (time_series(X, [], field(3, b"")), "exemplar"),
        (time_series(X, [], field(4, b"")), "native_histogram"),
    ],
)
def test_what_is_left_out_spoils_nothing_else(series: bytes, reason: str) -> None:
    """One bad series among good ones: the good ones are there, before and after they are known (6.3)."""
    decoder = Decoder()
    good = time_series(Y, [(NOW, 7.0)])
    for _ in range(2):
        written = decoded(decoder, write_request([good, series, good]), NOW)
        assert (rows(written), refused(written)) == (
            [("y", (("a", "1"),), NOW, 7.0)] * 2,
            {reason: 1},
        )


def test_a_known_series_too_far_ahead_is_left_out_too() -> None:
    """The short way looks at times as well."""
    decoder = Decoder()
    decoded(decoder, write_request([x((NOW, 1.0))]), NOW)
    written = decoded(decoder, write_request([x((NOW + 600_001, 1.0))]), NOW)
    assert (rows(written), refused(written)) == ([], {"too_far_ahead": 1})


def test_very_many_samples_of_a_series_come_in_several_batches() -> None:
    """The store takes 256 samples of a series in one message; the newest 1024 are kept, in time order."""
    samples = [(at, float(at)) for at in range(2_000)]
    written = decoded(Decoder(), write_request([x(*samples[:976], *reversed(samples[976:]))]), NOW)
    assert [len(batch) for batch in written.batches] == [1, 1, 1, 1]
    assert [(t, v) for _, _, t, v in rows(written)] == samples[-1_024:]
    assert refused(written) == {"surplus_sample": 976}


def test_known_series_are_bounded() -> None:
    """A full cache begins anew, counted; nothing is lost by it."""
    decoder = Decoder(max_known_series=2)
    series = [time_series([("__name__", f"m{i}")], [(NOW, 1.0)]) for i in range(5)]
    written = decoded(decoder, write_request(series), NOW)
    assert (len(rows(written)), refused(written)) == (5, {"cache_cleared": 2})


def test_metadata_is_kept() -> None:
    """The last word on a family counts; bad and surplus ones are counted."""
    decoder = Decoder(max_families=2)
    written = decoded(
        decoder,
        write_request(
            [],
            [
                metadata(1, "a", "old"),
                metadata(1, "a", "things", "1"),
                metadata(99, "b"),
                metadata(2, "c"),
                b"\xff",
                field(2, b"\xff"),
            ],
        ),
        NOW,
    )
    assert (dict(decoder.metadata), refused(written)) == (
        {
            "a": FamilyMetadata(type="counter", help="things", unit="1"),
            "b": FamilyMetadata(type="unknown", help="", unit=""),
        },
        {"metadata_limit": 1, "undecodable_metadata": 2},
    )


@pytest.mark.parametrize("entry", [b"\x0a\x00", b"\x1a\x00"], ids=["series", "metadata"])
def test_a_request_of_empty_entries_is_refused(entry: bytes) -> None:
    """Two bytes make an entry: millions of them fit into a request of a few megabytes."""
    with pytest.raises(DecodeError, match="more than 100000 series"):
        decoded(Decoder(), entry * 100_001, NOW)


def test_garbage_is_no_request() -> None:
    """What is not protobuf is refused whole (6.3)."""
    with pytest.raises(DecodeError, match="remote write request"):
        decoded(Decoder(), b"\x0a\x05\x01", NOW)


_TEXTS = st.sampled_from(["", "a", "b.c", "ä", "__name__"])
_SERIES = st.builds(
    time_series,
    st.lists(st.tuples(_TEXTS, _TEXTS), max_size=4),
    st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.floats()), max_size=3),
    st.binary(max_size=6),
)


@given(st.one_of(st.binary(), st.lists(st.one_of(_SERIES, st.binary())).map(write_request)))
def test_any_bytes_are_rows_or_a_decode_error(raw: bytes) -> None:
    """The second reading, with what is known from the first, gives the same."""
    decoder = Decoder()
    try:
        first = decoded(decoder, raw, NOW)
    except DecodeError:
        return
    again = decoded(decoder, raw, NOW)
    assert _bits(again) == _bits(first)
    assert refused(again) == refused(first)


def _bits(written: Written) -> list[tuple[object, ...]]:
    return sorted(
        (name, str(labels), t, struct.pack("<d", v)) for name, labels, t, v in rows(written)
    )


def test_infinities_are_values() -> None:
    """Any float is a value."""
    values = [math.inf, -math.inf, 1e-320]
    written = decoded(Decoder(), write_request([x((NOW, v)) for v in values]), NOW)
    assert [v for *_, v in rows(written)] == values
