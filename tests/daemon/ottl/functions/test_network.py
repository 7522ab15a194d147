"""Converters of `network`: every row was answered so by the collector v0.153.0 unless a test says otherwise."""

from __future__ import annotations

import pytest

from daemon.ottl.errors import OttlBuildError, OttlError, OttlEvaluationError
from daemon.ottl.values import RawList, Value
from tests.daemon.ottl.functions.calling import Row, call, call_computed, identify, same

ROWS: list[Row] = [
    ("IsInCIDR", ("10.0.0.1", RawList(["10.0.0.0/8"])), True),
    ("IsInCIDR", ("x", RawList(["10.0.0.0/8"])), False),
    ("IsInCIDR", ("::ffff:10.0.0.1", RawList(["10.0.0.0/8"])), True),
    ("IsInCIDR", ("10.0.0.1", RawList(["10.1.2.3/8"])), True),
    ("IsInCIDR", ("10.0.0.1", RawList([])), False),
    ("IsInCIDR", ("fe80::1%eth0", RawList(["fe80::/8"])), False),
    ("IsInCIDR", ("10.0.0.1", RawList(["::ffff:10.0.0.0/104"])), True),
    ("IsInCIDR", ("010.0.0.1", RawList(["10.0.0.0/8"])), False),
    (
        "CommunityID",
        ("128.232.110.120", 34855, "66.35.250.204", 80),
        "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
    ),
    (
        "CommunityID",
        ("66.35.250.204", 80, "128.232.110.120", 34855, "TCP"),
        "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
    ),
    (
        "CommunityID",
        ("66.35.250.204", 80, "128.232.110.120", 34855, "UDP", 1),
        "1:ZmcC6YgAu5SaqLPxno7I1MVyKlA=",
    ),
    (
        "CommunityID",
        ("2001:db8::1", 80, "128.232.110.120", 34855, "ICMP6"),
        "1:YV4XepbZYNGyHdMR8Vz+MNyNS/0=",
    ),
    ("CommunityID", ("1.1.1.1", 80, "1.1.1.1", 7), "1:He5BY2xmGQQKHKNXo5b1rjijgws="),
]

ERRORS: list[tuple[str, tuple[Value, ...]]] = [
    ("IsInCIDR", ("10.0.0.1", RawList(["10.0.0.0"]))),
    ("CommunityID", ("1.1.1.1", 80, "x", 34855)),
    ("CommunityID", ("1.1.1.1", 80, "1.1.1.2", 70000)),
    ("CommunityID", ("1.1.1.1", 80, "1.1.1.2", 7, "XXX")),
    ("CommunityID", ("1.1.1.1", 80, "1.1.1.2", 7, "TCP", 70000)),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), ROWS, ids=identify)
def test_answers(name: str, arguments: tuple[Value, ...], expected: Value) -> None:
    """Each function answers as the collector does, kind for kind."""
    assert same(call(name, *arguments), expected)


@pytest.mark.parametrize(("name", "arguments"), ERRORS, ids=identify)
def test_refusals(name: str, arguments: tuple[Value, ...]) -> None:
    """What the collector refuses at start-up or at evaluation is refused, and nothing but OttlError escapes."""
    with pytest.raises(OttlError):
        call(name, *arguments)


@pytest.mark.parametrize(
    "network",
    ["10.0.0.0", "10.0.0.0/33", "x/8", "10.0.0.0/-1", "10.0.0.0/8888", "::ffff:1.2.3.4/95"],
)
def test_bad_networks(network: str) -> None:
    """A bad network is an error of the start when literal and of the evaluation when computed."""
    with pytest.raises(OttlBuildError):
        call("IsInCIDR", "10.0.0.1", [network])
    with pytest.raises(OttlEvaluationError):
        call_computed("IsInCIDR", "10.0.0.1", [network])


def test_computed_network() -> None:
    """Networks known at run time only are read then."""
    assert call_computed("IsInCIDR", "10.0.0.1", ["10.0.0.0/8"]) is True
