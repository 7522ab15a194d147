"""Converters of `urls`: every row was answered so by the collector v0.153.0 unless a test says otherwise."""

from __future__ import annotations

import pytest

from daemon.ottl.errors import OttlError
from daemon.ottl.values import RawList, RawMap, Value
from tests.daemon.ottl.functions.calling import Row, call, identify, same

ROWS: list[Row] = [
    (
        "URL",
        ("http://user:pa%20ss@example.com:8080/a/b.txt?x=1&y=2#frag",),
        RawMap(
            {
                "url.scheme": "http",
                "url.domain": "example.com",
                "url.path": "/a/b.txt",
                "url.username": "user",
                "url.password": "pa ss",
                "url.user_info": "user:pa%20ss",
                "url.port": 8080,
                "url.query": "x=1&y=2",
                "url.fragment": "frag",
                "url.original": "http://user:pa%20ss@example.com:8080/a/b.txt?x=1&y=2#frag",
                "url.extension": "txt",
            }
        ),
    ),
    (
        "URL",
        ("https://example.com",),
        RawMap(
            {
                "url.scheme": "https",
                "url.domain": "example.com",
                "url.path": "",
                "url.original": "https://example.com",
            }
        ),
    ),
    (
        "URL",
        ("https://example.com/a.b/c",),
        RawMap(
            {
                "url.scheme": "https",
                "url.domain": "example.com",
                "url.path": "/a.b/c",
                "url.original": "https://example.com/a.b/c",
                "url.extension": "b/c",
            }
        ),
    ),
    (
        "URL",
        ("/path/only.png?q",),
        RawMap(
            {
                "url.scheme": "",
                "url.domain": "",
                "url.path": "/path/only.png",
                "url.query": "q",
                "url.original": "/path/only.png?q",
                "url.extension": "png",
            }
        ),
    ),
    (
        "URL",
        ("mailto:joe@x.org",),
        RawMap(
            {
                "url.scheme": "mailto",
                "url.domain": "",
                "url.path": "",
                "url.original": "mailto:joe@x.org",
            }
        ),
    ),
    (
        "URL",
        ("http://[::1]:80/",),
        RawMap(
            {
                "url.scheme": "http",
                "url.domain": "::1",
                "url.path": "/",
                "url.port": 80,
                "url.original": "http://[::1]:80/",
            }
        ),
    ),
    (
        "URL",
        ("?a=1&b=2&a=3",),
        RawMap({"query": RawMap({"a": RawList(["1", "3"]), "b": RawList(["2"])})}),
    ),
    (
        "URL",
        ("http://EXAMPLE.com/%41?q=%41",),
        RawMap(
            {
                "url.scheme": "http",
                "url.domain": "EXAMPLE.com",
                "url.path": "/A",
                "url.query": "q=%41",
                "url.original": "http://EXAMPLE.com/%41?q=%41",
            }
        ),
    ),
    (
        "URL",
        ("http://user@x/",),
        RawMap(
            {
                "url.scheme": "http",
                "url.domain": "x",
                "url.path": "/",
                "url.username": "user",
                "url.user_info": "user",
                "url.original": "http://user@x/",
            }
        ),
    ),
    (
        "URL",
        ("http://:pw@x/",),
        RawMap(
            {
                "url.scheme": "http",
                "url.domain": "x",
                "url.path": "/",
                "url.password": "pw",
                "url.user_info": ":pw",
                "url.original": "http://:pw@x/",
            }
        ),
    ),
    (
        "URL",
        ("//host/path",),
        RawMap(
            {
                "url.scheme": "",
                "url.domain": "host",
                "url.path": "/path",
                "url.original": "//host/path",
            }
        ),
    ),
    (
        "URL",
        ("foo",),
        RawMap({"url.scheme": "", "url.domain": "", "url.path": "foo", "url.original": "foo"}),
    ),
    (
        "URL",
        ("foo:bar",),
        RawMap({"url.scheme": "foo", "url.domain": "", "url.path": "", "url.original": "foo:bar"}),
    ),
    (
        "URL",
        ("http://x/é?é#é",),
        RawMap(
            {
                "url.scheme": "http",
                "url.domain": "x",
                "url.path": "/é",
                "url.query": "é",
                "url.fragment": "é",
                "url.original": "http://x/%C3%A9?é#%C3%A9",
            }
        ),
    ),
    (
        "URL",
        ("http://x:/",),
        RawMap(
            {"url.scheme": "http", "url.domain": "x", "url.path": "/", "url.original": "http://x:/"}
        ),
    ),
    (
        "URL",
        ("http://x/a b",),
        RawMap(
            {
                "url.scheme": "http",
                "url.domain": "x",
                "url.path": "/a b",
                "url.original": "http://x/a%20b",
            }
        ),
    ),
    (
        "URL",
        ("http://x/?a b",),
        RawMap(
            {
                "url.scheme": "http",
                "url.domain": "x",
                "url.path": "/",
                "url.query": "a b",
                "url.original": "http://x/?a b",
            }
        ),
    ),
    (
        "URL",
        ("http://x/a.",),
        RawMap(
            {
                "url.scheme": "http",
                "url.domain": "x",
                "url.path": "/a.",
                "url.original": "http://x/a.",
            }
        ),
    ),
    (
        "URL",
        ("http://x/#a%20b",),
        RawMap(
            {
                "url.scheme": "http",
                "url.domain": "x",
                "url.path": "/",
                "url.fragment": "a b",
                "url.original": "http://x/#a%20b",
            }
        ),
    ),
    (
        "URL",
        ("a.b:c/d",),
        RawMap({"url.scheme": "a.b", "url.domain": "", "url.path": "", "url.original": "a.b:c/d"}),
    ),
    (
        "URL",
        ("HTTP://x",),
        RawMap(
            {"url.scheme": "http", "url.domain": "x", "url.path": "", "url.original": "http://x"}
        ),
    ),
    (
        "URL",
        ("http://x/?",),
        RawMap(
            {"url.scheme": "http", "url.domain": "x", "url.path": "/", "url.original": "http://x/?"}
        ),
    ),
    ("URL", ("?a+b=c+d",), RawMap({"query": RawMap({"a b": RawList(["c d"])})})),
    (
        "URL",
        ("http://x:99999/",),
        RawMap(
            {
                "url.scheme": "http",
                "url.domain": "x",
                "url.path": "/",
                "url.port": 99999,
                "url.original": "http://x:99999/",
            }
        ),
    ),
    (
        "URL",
        ("foo/b:ar",),
        RawMap(
            {"url.scheme": "", "url.domain": "", "url.path": "foo/b:ar", "url.original": "foo/b:ar"}
        ),
    ),
    (
        "UserAgent",
        ("curl/7.81.0",),
        RawMap(
            {
                "user_agent.name": "curl",
                "user_agent.original": "curl/7.81.0",
                "user_agent.version": "7.81.0",
                "os.name": "Other",
            }
        ),
    ),
    (
        "UserAgent",
        ("",),
        RawMap(
            {
                "user_agent.name": "Other",
                "user_agent.original": "",
                "user_agent.version": "",
                "os.name": "Other",
            }
        ),
    ),
    (
        "UserAgent",
        ("Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0",),
        RawMap(
            {
                "user_agent.name": "Firefox",
                "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0",
                "user_agent.version": "115.0",
                "os.name": "Linux",
            }
        ),
    ),
]

ERRORS: list[tuple[str, tuple[Value, ...]]] = [
    ("URL", ("",)),
    ("URL", ("http://[::1",)),
    ("URL", ("http://a:port/",)),
    ("URL", ("http://a b/",)),
    ("URL", ("?a=%zz",)),
    ("URL", ("http://x/%zz",)),
    ("URL", ("1foo:bar",)),
    ("URL", (":foo",)),
    ("URL", ("http://x\n/",)),
    ("URL", ("?a;b=1",)),
    ("URL", ("fo@o:bar",)),
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
