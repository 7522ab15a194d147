"""Converters of `markup`: every row was answered so by the collector v0.153.0 unless a test says otherwise."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.ottl.errors import OttlError, OttlEvaluationError
from daemon.ottl.values import Value
from tests.daemon.ottl.functions.calling import Row, call, identify, same

ROWS: list[Row] = [
    ("GetXML", ("<a/>", "/a"), "<a></a>"),
    ("GetXML", ("<?xml version=\"1.0\"?><a><b x='1'/></a>", "/a/b"), '<b x="1"></b>'),
    ("GetXML", ("<a><b>1</b><b>2</b></a>", "//b"), "<b>1</b><b>2</b>"),
    ("GetXML", ("<a><b>1</b><b>2</b></a>", "/a/b[2]"), "<b>2</b>"),
    ("GetXML", ("<a><b>1</b></a>", "/a/b/text()"), "1"),
    ("GetXML", ('<a foo="bar"/>', "/a/@foo"), "bar"),
    ("GetXML", ('<a foo="b&lt;r"/>', "/a/@foo"), "b&lt;r"),
    ("GetXML", ("<a><![CDATA[hello<]]></a>", "/a/text()"), "hello&lt;"),
    ("GetXML", ("<a>x<![CDATA[hello<]]>y</a>", "/a/text()"), "xhello&lt;y"),
    ("GetXML", ('<a b="1"/>', "//a[@b='1']"), '<a b="1"></a>'),
    ("GetXML", ("", "/a"), ""),
    ("GetXML", ("<a/>", "count(/a)"), ""),
    ("GetXML", ("<a/>", "/nope"), ""),
    ("GetXML", ("<a> <b> x </b> </a>", "/a"), "<a> <b> x </b> </a>"),
    ("GetXML", ('<a xmlns:p="http://p"><p:b p:c="1"/></a>', "//p:b"), '<p:b p:c="1"></p:b>'),
    ("GetXML", ('<a xmlns="http://p"><b c="1"/></a>', "/a/b"), '<b c="1"></b>'),
    ("GetXML", ("<a>\"'></a>", "/a"), "<a>&#34;&#39;&gt;</a>"),
    ("GetXML", ('<a b="&quot;\'&gt;&lt;"/>', "/a"), '<a b="&#34;&#39;&gt;&lt;"></a>'),
    ("GetXML", ("<!-- c --><a/>", "/a"), "<a></a>"),
    ("GetXML", ("<a><?pi x?></a>", "/a"), "<a><?pi x?></a>"),
    ("GetXML", ("<a><!-- c --></a>", "//comment()"), ""),
    ("GetXML", ("<a>1</a>", "/"), ""),
    ("GetXML", ("<a><b/><c>1</c></a>", "/a/b | /a/c"), "<b></b><c>1</c>"),
    ("GetXML", ("<a><b/><b><c/></b></a>", "//b"), "<b></b><b><c></c></b>"),
    ("GetXML", ("<a>é\xa0&#169;&#x1F600;</a>", "/a"), "<a>é\xa0©😀</a>"),
    ("GetXML", ("<a>\n\t</a>", "/a"), "<a>\n\t</a>"),
    ("GetXML", ("<a>a\tb\nc</a>", "/a"), "<a>a\tb\nc</a>"),
    ("GetXML", ('<a b="a&#10;b"/>', "/a"), '<a b="a\nb"></a>'),
    ("RemoveXML", ("<a><b/><c/></a>", "/a/b"), "<a><c></c></a>"),
    ("RemoveXML", ("<a><b x='1' y='2'/></a>", "//@x"), '<a><b y="2"></b></a>'),
    ("RemoveXML", ("<a>t<b>u</b>v</a>", "//b"), "<a>tv</a>"),
    ("RemoveXML", ("<a>t<b>u</b>v</a>", "/a/text()"), "<a><b>u</b></a>"),
    ("RemoveXML", ("<a>t<!--c-->v</a>", "//comment()"), "<a>tv</a>"),
    ("RemoveXML", ("<a/>", "/a"), ""),
    ("RemoveXML", ("", "/a"), ""),
    (
        "RemoveXML",
        ('<?xml version="1.0" encoding="UTF-8"?><a><b/></a>', "//b"),
        '<?xml version="1.0" encoding="UTF-8"?><a></a>',
    ),
    ("RemoveXML", ("<a/>", "/nope"), "<a></a>"),
    ("InsertXML", ("<a/>", "/a", "<b/>"), "<a><b></b></a>"),
    ("InsertXML", ("<a/>", "/", "<b/>"), "<a></a><b></b>"),
    ("InsertXML", ("<a><f/><f/></a>", "//f", "<b/>"), "<a><f><b></b></f><f><b></b></f></a>"),
    ("InsertXML", ("<a>t</a>", "/a", "<b/><c>1</c>"), "<a>t<b></b><c>1</c></a>"),
    ("InsertXML", ("<a/>", "/nope", "<b/>"), "<a></a>"),
    ("InsertXML", ("", "/", "<b/>"), "<b></b>"),
    ("ConvertAttributesToElementsXML", ('<a foo="bar" q="1"/>',), "<a><foo>bar</foo><q>1</q></a>"),
    (
        "ConvertAttributesToElementsXML",
        ('<a foo="bar"><b z="1">t</b></a>',),
        "<a><b>t<z>1</z></b><foo>bar</foo></a>",
    ),
    (
        "ConvertAttributesToElementsXML",
        ('<a foo="bar"><b z="1">t</b></a>', "//b/@z"),
        '<a foo="bar"><b>t<z>1</z></b></a>',
    ),
    ("ConvertAttributesToElementsXML", ('<a foo="b&amp;r"/>', "/a"), '<a foo="b&amp;r"></a>'),
    (
        "ConvertTextToElementsXML",
        ("<a>x<b/>y</a>",),
        "<a><value>x</value><b></b><value>y</value></a>",
    ),
    ("ConvertTextToElementsXML", ("<a>x</a>",), "<a>x</a>"),
    ("ConvertTextToElementsXML", ("<a>x<b/>y</a>", "/a", "v"), "<a><v>x</v><b></b><v>y</v></a>"),
    (
        "ConvertTextToElementsXML",
        ("<a>x<b>q<c/></b>y</a>", "/a/b", "v"),
        "<a>x<b><v>q</v><c></c></b>y</a>",
    ),
    ("ConvertTextToElementsXML", ("<a><b/>y&amp;</a>",), "<a><b></b><value>y&amp;</value></a>"),
    (
        "ConvertTextToElementsXML",
        ("<a> <b/> </a>",),
        "<a><value> </value><b></b><value> </value></a>",
    ),
    (
        "ConvertTextToElementsXML",
        ("<a>x<!--c-->z</a>",),
        "<a><value>x</value><!--c--><value>z</value></a>",
    ),
    ("ParseXML", ("<a/>",), {"tag": "a"}),
    (
        "ParseXML",
        ('<a b="1">t<c>u</c>v<c/></a>',),
        {
            "tag": "a",
            "content": "tv",
            "attributes": {"b": "1"},
            "children": [{"tag": "c", "content": "u"}, {"tag": "c"}],
        },
    ),
    ("ParseXML", ("<a> t <!-- x --> u </a>",), {"tag": "a", "content": "tu"}),
    (
        "ParseXML",
        ('<p:a xmlns:p="http://p" p:q="1"><p:b/></p:a>',),
        {"tag": "a", "attributes": {"p": "http://p", "q": "1"}, "children": [{"tag": "b"}]},
    ),
    ("ParseXML", ('<?xml version="1.0"?><a/>',), {"tag": "a"}),
    ("ParseXML", (" <a/>",), {"tag": "a"}),
    ("ParseXML", ("<a><![CDATA[x<y]]></a>",), {"tag": "a", "content": "x<y"}),
    (
        "ParseXML",
        ('<a xmlns="http://d" x="1"/>',),
        {"tag": "a", "attributes": {"xmlns": "http://d", "x": "1"}},
    ),
    ("ParseSimplifiedXML", ("<a>1</a>",), {"a": "1"}),
    (
        "ParseSimplifiedXML",
        ("<a><b>1</b><b>2</b><c>3</c></a>",),
        {"a": {"b": ["1", "2"], "c": "3"}},
    ),
    ("ParseSimplifiedXML", ('<a><b x="1">1</b></a>',), {"a": {"b": "1"}}),
    ("ParseSimplifiedXML", ("<a>t<b>1</b></a>",), {"a": {"b": "1"}}),
    ("ParseSimplifiedXML", ("<a/>",), {}),
    ("ParseSimplifiedXML", ("<a><b/><b>1</b></a>",), {"a": {"b": ["1"]}}),
    ("ParseSimplifiedXML", ("<a><b><c>1</c></b><b>2</b></a>",), {"a": {"b": [{"c": "1"}, "2"]}}),
    ("ParseSimplifiedXML", ("<a><b><c/></b></a>",), {}),
    ("ParseSimplifiedXML", ("<a>x<!--c-->y</a>",), {"a": "x"}),
    ("ParseSimplifiedXML", ("<a><![CDATA[x]]></a>",), {"a": "x"}),
    ("ParseSimplifiedXML", ("<a> </a>",), {"a": " "}),
    ("ParseSimplifiedXML", ("<a> x </a>",), {"a": " x "}),
    ("ParseSimplifiedXML", ('<p:a xmlns:p="u"><p:b>1</p:b></p:a>',), {"a": {"b": "1"}}),
]

ERRORS: list[tuple[str, tuple[Value, ...]]] = [
    ("GetXML", ("<a>", "/a")),
    ("GetXML", ("x", "/a")),
    ("GetXML", ("<a/>", "/a[")),
    ("GetXML", ('<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>', "/a")),
    ("InsertXML", ("<a x='1'/>", "//@x", "<b/>")),
    ("InsertXML", ("<a/>", "/a", "b")),
    ("InsertXML", ("<a/>", "/a", "")),
    ("InsertXML", ("<a/>", "/a", "<b>")),
    ("ParseXML", ("<a/>x",)),
    ("ParseXML", ("<a/> ",)),
    ("ParseXML", ("<a>",)),
    ("ParseXML", ("",)),
    ("ParseXML", ("<a>&nope;</a>",)),
    ("ParseSimplifiedXML", ("",)),
    ("ParseSimplifiedXML", ("<a>",)),
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


def test_cdata_is_written_as_text() -> None:
    """Differs from the collector: a CDATA section comes out as escaped text."""
    assert call("GetXML", "<a><![CDATA[q<r]]></a>", "/a") == "<a>q&lt;r</a>"


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]><a>&e;</a>',
        '<!DOCTYPE a [<!ENTITY b "xx"><!ENTITY c "&b;&b;">]><a>&c;</a>',
        "<a>" * 1000 + "</a>" * 1000,
        "<a/><b/>",
    ],
    ids=["outside file", "entity bomb", "deep", "two roots"],
)
def test_dangerous_documents_are_refused(text: str) -> None:
    """No entity is resolved, no depth exhausts the stack; a document has one root."""
    with pytest.raises(OttlError):
        call("ParseXML", text)


@given(
    st.text("<>/ab=\"'&;!-[]?x \n\0", max_size=30),
    st.sampled_from(["//*", "//@*", "/", "//text()"]),
)
def test_any_text_is_read_or_refused(text: str, path: str) -> None:
    """Whatever the text, every function answers or raises an evaluation error."""
    for name in (
        "GetXML",
        "RemoveXML",
        "ConvertAttributesToElementsXML",
        "ConvertTextToElementsXML",
    ):
        with suppress(OttlEvaluationError):
            call(name, text, path)
    for name in ("ParseXML", "ParseSimplifiedXML"):
        with suppress(OttlEvaluationError):
            call(name, text)
