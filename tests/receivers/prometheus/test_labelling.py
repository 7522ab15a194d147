"""A page's metrics under the labels of their target."""

from __future__ import annotations

from typing import Any

import pytest

from receivers.model import Attributes, NumberDataPoint
from receivers.prometheus.exposition import decode_page
from receivers.prometheus.labelling import Labeller, LimitError, Scraped, sample_count
from receivers.prometheus.target import Limits, Target, resource_of

AT = 1_700_000_000_000_000_000
DEFAULT = {
    "service.name": "app",
    "service.instance.id": "h:80",
    "server.address": "h",
    "server.port": "80",
    "url.scheme": "http",
}


def target(**settings: Any) -> Target:
    defaults = {"job": "app", "instance": "h:80", "address": "h:80"}
    return Target(**(defaults | settings))


def label(page: str, **settings: Any) -> Scraped:
    metrics = decode_page(page, content_type="text/plain", at_unix_nano=AT)
    return Labeller(target(**settings)).label(metrics, AT)


def only(page: str, **settings: Any) -> tuple[Attributes, Attributes]:
    """The attributes of the one resource and the one point of a page."""
    [(resource, [metric])] = label(page, **settings)
    [point] = metric.data_points
    return resource.attributes, point.attributes


@pytest.mark.parametrize(
    ("page", "own", "expected"),
    [
        ('a{b="1"} 1\n', {}, {"b": "1"}),
        ("a 1\n", {"zone": "x"}, {"zone": "x"}),
        ('a{job="j",instance="i"} 1\n', {}, {"exported_job": "j", "exported_instance": "i"}),
        ('a{zone="y"} 1\n', {"zone": "x"}, {"zone": "x", "exported_zone": "y"}),
        (
            'a{job="j",exported_job="k"} 1\n',
            {},
            {"exported_job": "k", "exported_exported_job": "j"},
        ),
        ('a{job="",zone=""} 1\n', {"zone": "x"}, {"zone": "x"}),
    ],
)
def test_labels_of_the_target_win(page: str, own: dict[str, str], expected: Attributes) -> None:
    """What the page calls as the target does gets `exported_` in front, as in Prometheus."""
    assert only(page, labels=own) == (DEFAULT, expected)


@pytest.mark.parametrize(
    ("page", "resource", "attributes"),
    [
        ('a{zone="y"} 1\n', DEFAULT, {"zone": "y"}),
        ('a{zone=""} 1\n', DEFAULT, {"zone": "x"}),
        (
            'a{job="j",instance="i"} 1\n',
            {
                "service.name": "j",
                "service.instance.id": "i",
                "server.address": "i",
                "url.scheme": "http",
            },
            {"zone": "x"},
        ),
        ('a{job="j"} 1\n', {**DEFAULT, "service.name": "j"}, {"zone": "x"}),
    ],
)
def test_labels_of_the_page_win(page: str, resource: Attributes, attributes: Attributes) -> None:
    """With `honor_labels` a page may speak for others, as those of a push gateway and of federation do."""
    assert only(page, labels={"zone": "x"}, honor_labels=True) == (resource, attributes)


def test_times_of_the_page() -> None:
    """A sample keeps its own time, or not."""
    for honor, expected in ((True, 5_000_000), (False, AT)):
        [(_, [metric])] = label("a 1 5\n", honor_timestamps=honor)
        assert metric.data_points == [NumberDataPoint(time_unix_nano=expected, value=1.0)]


def test_the_same_objects_for_the_same_page() -> None:
    """Who remembers something by header and resource finds it again with the next page."""
    labeller = Labeller(target(honor_labels=True))
    page = '# HELP a b\n# TYPE a counter\na{job="x"} 1\na 2\n'
    seen = []
    for _ in range(2):
        metrics = decode_page(page, content_type="text/plain", at_unix_nano=AT)
        seen.append([(one, m.header) for one, ms in labeller.label(metrics, AT) for m in ms])
    assert seen[0] == seen[1]
    assert len({resource for resource, _ in seen[0]}) == 2
    other = decode_page(page.replace("b\n", "c\n"), content_type="text/plain", at_unix_nano=AT)
    assert labeller.label(other, AT)[0][1][0].header is not seen[0][0][1]


@pytest.mark.parametrize(
    ("page", "limits", "problem"),
    [
        ('a{b="1"} 1\n', Limits(labels=4, label_name_characters=8, label_value_characters=4), None),
        (
            'a{b="1"} 1\n',
            Limits(labels=3),
            "a sample has 4 labels, its name among them: label_limit is 3",
        ),
        (
            'a{bb="1"} 1\n',
            Limits(label_name_characters=1),
            "the name of a label has 2 characters: label_name_length_limit is 1",
        ),
        (
            'a{b="123"} 1\n',
            Limits(label_value_characters=2),
            "the value of a label has 3 characters: label_value_length_limit is 2",
        ),
    ],
)
def test_limits(page: str, limits: Limits, problem: str | None) -> None:
    """A sample beyond a limit costs the page."""
    if problem is None:
        assert label(page, limits=limits)
        return
    with pytest.raises(LimitError) as caught:
        label(page, limits=limits)
    assert str(caught.value) == problem


@pytest.mark.parametrize(
    ("instance", "expected"),
    [
        ("h:80", {"server.address": "h", "server.port": "80"}),
        ("[2001:db8::1]:80", {"server.address": "2001:db8::1", "server.port": "80"}),
        ("localhost:80", {"server.port": "80"}),
        ("shop", {"server.address": "shop"}),
    ],
)
def test_resource(instance: str, expected: dict[str, str]) -> None:
    """The collector's attributes; a name that means something else everywhere is none."""
    attributes = dict(resource_of("app", instance, "https").attributes)
    common = {"service.name": "app", "service.instance.id": instance, "url.scheme": "https"}
    assert attributes == common | expected


HISTOGRAM = '# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 2\nh_sum 3\nh_count 2\n'
SUMMARY = '# TYPE s summary\ns{quantile="0.5"} 1\ns_sum 3\ns_count 2\n'


@pytest.mark.parametrize(("page", "count"), [("a 1\n", 1), (HISTOGRAM, 4), (SUMMARY, 3)])
def test_sample_count(page: str, count: int) -> None:
    """A data point was as many samples as it had lines."""
    [(_, [metric])] = label(page)
    assert [sample_count(point) for point in metric.data_points] == [count]
