"""Legacy include and exclude (ottl.md 5.6), against the collector's results (7.3)."""

from __future__ import annotations

import math

import pytest

from daemon.config.errors import ConfigError
from receivers.model import AnyValue, Resource
from tests.daemon.processors.filter.payloads import legacy
from tests.daemon.processors.filter.run import build, run
from tests.support.consumers import NopConsumer
from tests.support.payloads import batch

ALL = "R{S{m1:2 xm1:1 m3:0 m4:0}} R{S{m1:1 h:1}} R{S{m9:1}}"


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        pytest.param(
            "include: {match_type: strict, metric_names: [m1]}", "R{S{m1:2}} R{S{m1:1}}", id="L1"
        ),
        pytest.param(
            "include: {match_type: regexp, metric_names: [m1]}",
            "R{S{m1:2 xm1:1}} R{S{m1:1}}",
            id="L3 search",
        ),
        pytest.param(
            "include: {match_type: strict, metric_names: [m1, m4]},"
            " exclude: {match_type: strict, metric_names: [m4]}",
            "R{S{m1:2}} R{S{m1:1}}",
            id="L7",
        ),
        pytest.param(
            "exclude: {match_type: strict, resource_attributes: [{key: host}]}",
            "R{S{m9:1}}",
            id="L9 presence",
        ),
        pytest.param(
            "exclude: {resource_attributes: [{key: host}]}",
            "R{S{m9:1}}",
            id="presence needs no match type",
        ),
        pytest.param(
            "include: {match_type: regexp, resource_attributes: [{key: n, value: ^5$}]}",
            "R{S{m1:2 xm1:1 m3:0 m4:0}}",
            id="L11",
        ),
        pytest.param(
            "exclude: {match_type: strict, metric_names: [m1], resource_attributes: [{key: host, value: a}]}",
            "R{S{h:1}} R{S{m9:1}}",
            id="L13 either check drops",
        ),
        pytest.param(
            "include: {match_type: strict, metric_names: [m1], resource_attributes: [{key: host, value: b}]}",
            "R{S{m1:1}}",
            id="include wants both",
        ),
        pytest.param(
            "include: {match_type: strict, metric_names: 'm1,m9'}",
            "R{S{m1:2}} R{S{m1:1}} R{S{m9:1}}",
            id="a scalar is split at commas",
        ),
        pytest.param("include: {match_type: strict}", ALL, id="asks for nothing"),
        pytest.param(
            "include: {}, exclude: {match_type: nonsense}", ALL, id="asks for nothing at all"
        ),
    ],
)
def test_what_is_left(configuration: str, expected: str) -> None:
    """The filter leaves what the collector's leaves."""
    assert run(f"metrics: {{{configuration}}}", legacy()).left == expected


@pytest.mark.parametrize(
    ("match_type", "wanted", "actual", "matches"),
    [
        ("strict", "5", 5, True),
        ("strict", "'5'", 5, False),
        ("strict", "5.0", 5, False),
        ("strict", "5.0", 5.0, True),
        ("strict", "true", True, True),
        ("strict", "true", 1, False),
        ("strict", "[x, 1]", ["x", 1], True),
        ("strict", "[x, 1]", ["x", 1.0], False),
        ("strict", "[x]", ["x", 1], False),
        ("strict", "{a: {b: 1}}", {"a": {"b": 1}}, True),
        ("strict", "{a: {b: 1}}", {"a": {"b": 1}, "c": 1}, False),
        ("strict", "a", b"a", False),
        ("regexp", "^1$", 1.0, True),
        ("regexp", "tru", True, True),
        ("regexp", "b", "abc", True),
        ("regexp", "^.$", "é", True),
        ("regexp", "^b", "abc", False),
        ("regexp", ".*", ["x"], False),
        ("regexp", ".*", None, False),
        ("regexp", ".*", math.nan, False),
        ("regexp", ".*", b"x", False),
    ],
)
def test_attribute_values(match_type: str, wanted: str, actual: AnyValue, matches: bool) -> None:
    """Strict wants type and value, regexp searches the text of a scalar."""
    configuration = f"metrics: {{include: {{match_type: {match_type}, resource_attributes: [{{key: k, value: {wanted}}}]}}}}"
    payload = batch("gauge m []")
    payload.resource_metrics[0].resource = Resource(attributes={"k": actual})
    assert (run(configuration, payload).left != "nothing") == matches


@pytest.mark.parametrize(
    ("configuration", "path", "expected"),
    [
        ("match_type: regexp, metric_names: ['[']", ("metric_names", 0), "bad pattern"),
        ("metric_names: [m1]", ("match_type",), "expected strict or regexp, got nothing"),
        (
            "match_type: foo, metric_names: [m1]",
            ("match_type",),
            "expected strict or regexp, got 'foo'",
        ),
        ("resource_attributes: [{key: a, value: b}]", ("match_type",), "expected strict or regexp"),
        (
            "match_type: strict, resource_attributes: [{value: b}]",
            ("resource_attributes", 0, "key"),
            "expected the",
        ),
        (
            "match_type: regexp, resource_attributes: [{key: a, value: 5}]",
            ("resource_attributes", 0, "value"),
            "expected a regular expression, got 5",
        ),
        (
            "match_type: regexp, resource_attributes: [{key: a, value: '('}]",
            ("resource_attributes", 0, "value"),
            "bad pattern",
        ),
        (
            "match_type: expr, expressions: ['true']",
            ("match_type",),
            "expr is not supported by tallyd",
        ),
        ("expressions: ['true']", ("expressions",), "expr is not supported by tallyd"),
    ],
)
def test_start_up_errors(configuration: str, path: tuple[str | int, ...], expected: str) -> None:
    """A matcher that cannot work stops the start."""
    with pytest.raises(ConfigError) as raised:
        build(f"metrics: {{exclude: {{{configuration}}}}}", NopConsumer())
    assert raised.value.path == ("metrics", "exclude", *path)
    assert raised.value.expected.startswith(expected)
