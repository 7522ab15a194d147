"""XML documents for the converters in `markup`: read safely, selected by XPath, written out (spec/ottl.md 4.4).

lxml is imported when a condition first asks for XML, so other daemons do not pay for it. No entity is resolved, no DTD
is loaded, nothing is fetched; libxml2's own bounds on depth and size stay on. Differs from the collector: a document
has one root, CDATA comes out as escaped text, and a default namespace is dropped so that plain names select.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final  # Any: lxml ships no types

from daemon.ottl.errors import OttlBuildError, OttlEvaluationError
from daemon.ottl.functions.gotext import to_utf8

_ESCAPES: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"}
)


@dataclass(slots=True)
class Document:
    """A read document; `declaration` is its first line if it had one, `root` is None once removed."""

    declaration: str
    root: Any | None


def etree() -> Any:
    """Return lxml's tree module, imported at the first call."""
    return importlib.import_module("lxml.etree")


def check_path(function: str, path: str) -> None:
    """Raise OttlBuildError for a text that is no XPath."""
    try:
        etree().XPath(path)
    except etree().XPathError as error:
        raise OttlBuildError(f"{function}: bad XPath {path[:80]!r}: {error}") from None


def read_document(text: str) -> Document:
    """Return the document of a text with one root element.

    Raises OttlEvaluationError for other text, and for a document type declaration.
    """
    root = _parse(to_utf8(text))
    if root.getroottree().docinfo.internalDTD is not None:
        raise OttlEvaluationError("bad XML: a document type declaration is not allowed")
    declaration = text[: text.find("?>") + 2] if text.startswith("<?xml") else ""
    return Document(declaration, root)


def read_fragment(text: str) -> Any:
    """Return an element that holds the elements of a text with one or more roots."""
    holder = _parse(b"<fragment>" + to_utf8(text) + b"</fragment>")
    if not any(is_element(child) for child in holder):
        raise OttlEvaluationError("bad XML: expected at least one element")
    return holder


def select(document: Document, path: str) -> list[Any]:
    """Return the elements, comments, texts and attributes that a path selects; none when it gives a number."""
    if document.root is None:
        return []
    namespaces = {
        prefix: uri
        for element in document.root.iter()
        for prefix, uri in element.nsmap.items()
        if prefix
    }
    try:
        found = document.root.getroottree().xpath(path, namespaces=namespaces)
    except etree().XPathError as error:
        raise OttlEvaluationError(f"cannot select {path[:80]!r}: {error}") from None
    return found if isinstance(found, list) else []


def is_element(node: Any) -> bool:
    """Tell whether a node is an element: no comment, no processing instruction, no text."""
    return isinstance(getattr(node, "tag", None), str)


def local_name(element: Any) -> str:
    """Return an element's name without its namespace."""
    return str(etree().QName(element).localname)


def write_document(document: Document) -> str:
    """Return the document as text, without what stood outside of its root."""
    return document.declaration + ("" if document.root is None else write_node(document.root))


def write_node(node: Any) -> str:
    """Return an element, comment or processing instruction as text, without its tail."""
    if node.tag is etree().Comment:
        return f"<!--{node.text or ''}-->"
    if node.tag is etree().ProcessingInstruction:
        return f"<?{node.target} {node.text or ''}?>"
    if not is_element(node):
        return f"&{node.name};"
    name = f"{node.prefix}:{local_name(node)}" if node.prefix else local_name(node)
    inner = escape(node.text or "") + "".join(
        write_node(child) + escape(child.tail or "") for child in node
    )
    return f"<{name}{_write_attributes(node)}>{inner}</{name}>"


def escape(text: str) -> str:
    """Return a text as it stands in XML."""
    return text.translate(_ESCAPES)


def declared(element: Any) -> dict[str | None, str]:
    """Return the namespaces that an element itself declares, by prefix."""
    parent = element.getparent()
    known = {} if parent is None else parent.nsmap
    return {prefix: uri for prefix, uri in element.nsmap.items() if known.get(prefix) != uri}


def _write_attributes(element: Any) -> str:
    pieces = [
        f'xmlns:{prefix}="{escape(uri)}"' for prefix, uri in declared(element).items() if prefix
    ]
    prefixes = {uri: prefix for prefix, uri in element.nsmap.items() if prefix}
    for key, value in element.attrib.items():
        name = etree().QName(key)
        prefix = "xml" if name.namespace == _XML_NAMESPACE else prefixes.get(name.namespace)
        pieces.append(f'{f"{prefix}:" if prefix else ""}{name.localname}="{escape(value)}"')
    return "".join(f" {piece}" for piece in pieces)


def remove_node(document: Document, node: Any) -> None:
    """Take an element or comment out; the text behind it stays."""
    parent = node.getparent()
    if parent is None:
        if node is document.root:
            document.root = None
        return
    tail = node.tail
    before = node.getprevious()
    if tail and before is not None:
        before.tail = (before.tail or "") + tail
    elif tail:
        parent.text = (parent.text or "") + tail
    parent.remove(node)


def texts(element: Any) -> Sequence[str]:
    """Return the texts of an element itself, between its children."""
    return [text for text in (element.text, *(child.tail for child in element)) if text]


def _parse(data: bytes) -> Any:
    parser = etree().XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        root = etree().fromstring(data, parser)
    except (etree().XMLSyntaxError, ValueError) as error:
        raise OttlEvaluationError(f"bad XML: {error}") from None
    for element in root.iter(tag=etree().Element):
        if element.prefix is None and element.nsmap.get(None):
            element.tag = local_name(element)
    return root


_XML_NAMESPACE: Final = "http://www.w3.org/XML/1998/namespace"
