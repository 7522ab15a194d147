"""Converters of `grok`: every row was answered so by the collector v0.153.0 unless a test says otherwise."""

from __future__ import annotations

import pytest

from daemon.ottl.errors import OttlBuildError, OttlError
from daemon.ottl.functions.grokpatterns import GROK_PATTERNS
from daemon.ottl.values import RawList, Value
from tests.daemon.ottl.functions.calling import Row, call, call_computed, identify, same

ROWS: list[Row] = [
    ("ExtractGrokPatterns", ("GIT_SHA=abc", "GIT_SHA=(?P<sha>\\w+)"), {"sha": "abc"}),
    (
        "ExtractGrokPatterns",
        ("http://user:pw@example.com:80/p/a?q=1", "%{URI}"),
        {
            "HOSTNAME": "example.com",
            "IPORHOST": "example.com",
            "POSINT": "80",
            "URI": "http://user:pw@example.com:80/p/a?q=1",
            "URIHOST": "example.com:80",
            "URIPATH": "/p/a",
            "URIPROTO": "http",
            "URIQUERY": "q=1",
            "USER": "user",
            "USERNAME": "user",
        },
    ),
    (
        "ExtractGrokPatterns",
        ("http://user:pw@example.com:80/p/a?q=1", "%{URI:u}", True),
        {"u": "http://user:pw@example.com:80/p/a?q=1"},
    ),
    (
        "ExtractGrokPatterns",
        (
            "smith:pass123:1001",
            "%{USERNAME:user.name}:%{PASSWORD:user.password}:%{USERINFO}",
            True,
            RawList(["PASSWORD=%{WORD}", "USERINFO=%{GREEDYDATA}"]),
        ),
        {"user.name": "smith", "user.password": "pass123"},
    ),
    (
        "ExtractGrokPatterns",
        ("5 1.5 true", "%{INT:a:int} %{NUMBER:b:float} %{WORD:c:bool}"),
        {"BASE10NUM": "1.5", "a": 5, "b": 1.5, "c": True},
    ),
    ("ExtractGrokPatterns", ("zz", "%{INT:a:int}"), {}),
    (
        "ExtractGrokPatterns",
        ("fe80::1 00:11:22:33:44:55", "%{IP:ip} %{MAC:m}", True),
        {"ip": "fe80::1", "m": "00:11:22:33:44:55"},
    ),
    (
        "ExtractGrokPatterns",
        (
            "2023-05-26T12:34:56.123Z INFO msg",
            "%{TIMESTAMP_ISO8601:t} %{LOGLEVEL:l} %{GREEDYDATA:m}",
            True,
        ),
        {"l": "INFO", "m": "msg", "t": "2023-05-26T12:34:56.123Z"},
    ),
    (
        "ExtractGrokPatterns",
        ("26/May/2023:12:34:56 +0200", "%{HTTPDATE:t}", True),
        {"t": "26/May/2023:12:34:56 +0200"},
    ),
    (
        "ExtractGrokPatterns",
        (
            "May 26 12:34:56 host prog[12]: x",
            "%{SYSLOGTIMESTAMP:t} %{SYSLOGHOST:h} %{SYSLOGPROG:p}: %{GREEDYDATA:m}",
            True,
        ),
        {"h": "host", "m": "x", "p": "prog[12]", "t": "May 26 12:34:56"},
    ),
    (
        "ExtractGrokPatterns",
        ('"quoted \\" s" rest', "%{QS:q} %{NOTSPACE:r}", True),
        {"q": '"quoted \\" s"', "r": "rest"},
    ),
    (
        "ExtractGrokPatterns",
        ("/usr/bin/x C:\\dir\\f", "%{UNIXPATH:u} %{WINPATH:w}", True),
        {"u": "/usr/bin/x", "w": "C:\\dir\\f"},
    ),
    (
        "ExtractGrokPatterns",
        ("123e4567-e89b-12d3-a456-426614174000", "%{UUID:u}", True),
        {"u": "123e4567-e89b-12d3-a456-426614174000"},
    ),
    (
        "ExtractGrokPatterns",
        (
            "-5 +3.25 0x1F 7 0",
            "%{INT:a} %{NUMBER:b} %{BASE16NUM:c} %{POSINT:d} %{NONNEGINT:e}",
            True,
        ),
        {"a": "-5", "b": "+3.25", "c": "0x1F", "d": "7", "e": "0"},
    ),
    ("ExtractGrokPatterns", ("urn:ietf:rfc:2648", "%{URN:u}", True), {"u": "urn:ietf:rfc:2648"}),
    (
        "ExtractGrokPatterns",
        ("Fri May 26 2023", "%{DAY:d} %{MONTH:m} %{MONTHDAY:n} %{YEAR:y}", True),
        {"d": "Fri", "m": "May", "n": "26", "y": "2023"},
    ),
    ("ExtractGrokPatterns", ("host.x:80", "%{HOSTPORT:h}", True), {"h": "host.x:80"}),
    (
        "ExtractGrokPatterns",
        ("05/26/2023 26.05.2023", "%{DATE_US:u} %{DATE_EU:e}", True),
        {"e": "26.05.2023", "u": "05/26/2023"},
    ),
    (
        "ExtractGrokPatterns",
        ("26-05-2023 10:11:12", "%{DATESTAMP:d}", True),
        {"d": "26-05-2023 10:11:12"},
    ),
    (
        "ExtractGrokPatterns",
        ("Fri May 26 10:11:12 UTC 2023", "%{DATESTAMP_OTHER:d}", True),
        {"d": "Fri May 26 10:11:12 UTC 2023"},
    ),
    (
        "ExtractGrokPatterns",
        ("Fri, 26 May 2023 10:11:12 +0200", "%{DATESTAMP_RFC2822:d}", True),
        {"d": "Fri, 26 May 2023 10:11:12 +0200"},
    ),
    (
        "ExtractGrokPatterns",
        ("Fri May 26 2023 10:11:12 UTC", "%{DATESTAMP_RFC822:d}", True),
        {"d": "Fri May 26 2023 10:11:12 UTC"},
    ),
    (
        "ExtractGrokPatterns",
        ("20230526101112", "%{DATESTAMP_EVENTLOG:d}", True),
        {"d": "20230526101112"},
    ),
    ("ExtractGrokPatterns", ("/dev/pts/1", "%{TTY:d}", True), {"d": "/dev/pts/1"}),
]

ERRORS: list[tuple[str, tuple[Value, ...]]] = [
    ("ExtractGrokPatterns", ("http://user:pw@example.com:80/p/a?q=1", "%{URI}", True)),
    ("ExtractGrokPatterns", ("x", "%{NOPE}")),
    ("ExtractGrokPatterns", ("x", "%{DATA}", True)),
    ("ExtractGrokPatterns", ("5", "%{INT:a:foo}")),
    ("ExtractGrokPatterns", ("x", "%{WORD:a}", False, RawList(["bad"]))),
    ("ExtractGrokPatterns", ("x", "%{WORD:a}", False, RawList(["a:b=c"]))),
    ("ExtractGrokPatterns", ("x", "(")),
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
    "definitions",
    [["A=%{A}"], ["A=%{B}%{B}", "B=%{C}%{C}", "C=%{A}"], [f"A={'x' * 70000}"]],
    ids=["itself", "circle", "long"],
)
def test_endless_patterns_are_refused(definitions: list[Value]) -> None:
    """A pattern that refers to itself, or grows beyond bounds, stops the start."""
    with pytest.raises(OttlBuildError):
        call("ExtractGrokPatterns", "x", "%{A:a}", True, definitions)


def test_doubling_pattern_is_refused() -> None:
    """Thirty definitions that each name the next twice would make a billion characters."""
    definitions: list[Value] = [f"P{n}=%{{P{n + 1}}}%{{P{n + 1}}}" for n in range(30)]
    with pytest.raises(OttlBuildError):
        call("ExtractGrokPatterns", "x", "%{P0:a}", True, [*definitions, "P30=x"])


def test_computed_pattern() -> None:
    """A pattern known at run time only is compiled then."""
    assert call_computed("ExtractGrokPatterns", "a=5", "a=%{INT:n:int}", True, []) == {"n": 5}


@pytest.mark.parametrize("name", GROK_PATTERNS)
def test_built_in_patterns_compile(name: str) -> None:
    """Every built-in pattern is RE2 and knows what it refers to."""
    assert isinstance(call("ExtractGrokPatterns", "text", f"%{{{name}:found}}", True), dict)
