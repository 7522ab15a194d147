"""Series that are on a target's pages no more."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from receivers.model import FLAG_NO_RECORDED_VALUE, Attributes
from receivers.prometheus.exposition import decode_page
from receivers.prometheus.labelling import Labeller, Scraped
from receivers.prometheus.staleness import Seen
from receivers.prometheus.target import Target

TARGET = Target(job="app", instance="h:80", address="h:80")
HISTOGRAM = '# TYPE h histogram\nh_bucket{le="+Inf"} 2\nh_sum 3\nh_count 2\n'


class Pages:
    """Pages of one target, a second apart."""

    def __init__(self, *, track_timestamps: bool = False) -> None:
        self.labeller = Labeller(TARGET)
        self.seen = Seen(track_timestamps=track_timestamps)
        self.at = 0

    def next(self, page: str) -> tuple[int, list[tuple[str, Attributes, int]]]:
        """How many samples are new, and which series end."""
        self.at += 1_000_000_000
        metrics = decode_page(page, content_type="text/plain", at_unix_nano=self.at)
        scraped = self.labeller.label(metrics, self.at)
        added = self.seen.take(scraped, self.at)
        return added, ends_of(scraped)


def ends_of(scraped: Scraped) -> list[tuple[str, Attributes, int]]:
    return [
        (metric.header.name, point.attributes, point.time_unix_nano)
        for _, metrics in scraped
        for metric in metrics
        for point in metric.data_points
        if point.flags & FLAG_NO_RECORDED_VALUE
    ]


def test_a_series_that_vanishes() -> None:
    """It ends with the first page without it, once; when it is back it is new."""
    pages = Pages()
    both, one = 'a{x="1"} 1\na{x="2"} 1\n', 'a{x="2"} 1\n'
    assert pages.next(both) == (2, [])
    assert pages.next(one) == (0, [("a", {"x": "1"}, pages.at)])
    assert pages.next(one) == (0, [])
    assert pages.next(both) == (1, [])


def test_a_metric_that_vanishes() -> None:
    """Whole metrics end too, histograms as one point; a page may be empty."""
    pages = Pages()
    assert pages.next("a 1\n" + HISTOGRAM) == (4, [])
    assert pages.next("a 1\n") == (0, [("h", {}, pages.at)])
    assert pages.next("") == (0, [("a", {}, pages.at)])


def test_another_description_is_the_same_series() -> None:
    """A series whose HELP or TYPE changed goes on."""
    pages = Pages()
    pages.next("# HELP a b\n# TYPE a gauge\na 1\n")
    assert pages.next("# HELP a c\n# TYPE a counter\na 1\n") == (0, [])


def test_samples_with_a_time_of_their_own() -> None:
    """They do not end, unless told so: their target may have looked at them long ago."""
    for track, expected in ((False, 0), (True, 1)):
        pages = Pages(track_timestamps=track)
        pages.next("a 1 5\n")
        assert len(pages.next("")[1]) == expected


def test_a_page_that_did_not_come() -> None:
    """All end, once; what is there again with the next page is not new, and what is not does not end twice."""
    pages = Pages()
    pages.next("a 1\nb 1\n")
    assert ends_of(pages.seen.end(7)) == [("a", {}, 7), ("b", {}, 7)]
    assert pages.seen.end(8) == []
    assert pages.next("a 1\n") == (0, [])
    assert pages.next("") == (0, [("a", {}, pages.at)])


@given(st.lists(st.sets(st.integers(0, 5)), max_size=8))
def test_each_series_ends_as_often_as_it_began(pages: list[set[int]]) -> None:
    """Whatever comes and goes: after an empty page as many have ended as were new."""
    target, began, ended = Pages(), 0, 0
    for page in [*pages, set()]:
        added, ends = target.next("".join(f'a{{x="{one}"}} 1\n' for one in sorted(page)))
        began, ended = began + added, ended + len(ends)
    assert began == ended
