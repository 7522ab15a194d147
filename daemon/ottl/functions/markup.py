"""Converters of XML (spec/ottl.md 4.4)."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final  # Any: lxml ships no types

from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.functions.declare import TARGET
from daemon.ottl.functions.gotext import GO_SPACE
from daemon.ottl.functions.signature import Converter, Function, Param, ParamKind
from daemon.ottl.functions.xmltree import (
    check_path,
    declared,
    escape,
    etree,
    is_element,
    local_name,
    read_document,
    read_fragment,
    remove_node,
    select,
    texts,
    write_document,
    write_node,
)
from daemon.ottl.values import Value


def get_xml(target: str, path: str) -> str:
    """Return the selected elements, texts and attribute values one after the other."""
    if not target:
        return ""
    found = select(read_document(target), path)
    return "".join(write_node(n) if is_element(n) else escape(n) for n in found if _has_text(n))


def remove_xml(target: str, path: str) -> str:
    """Return the document without the selected elements, attributes, texts and comments."""
    if not target:
        return ""
    document = read_document(target)
    for node in select(document, path):
        if not isinstance(node, str):
            remove_node(document, node)
            continue
        holder: Any = node  # Any: a text of lxml that knows where it stands
        if holder.is_attribute:
            holder.getparent().attrib.pop(holder.attrname, None)
        elif holder.is_tail:
            holder.getparent().tail = None
        else:
            holder.getparent().text = None
    return write_document(document)


def insert_xml(target: str, path: str, sub_document: str) -> str:
    """Return the document with the sub-document added at the end of every selected element."""
    fragment = read_fragment(sub_document)
    added = "".join(map(write_node, fragment))
    if path == "/":
        return (write_document(read_document(target)) if target else "") + added
    if not target:
        return ""
    document = read_document(target)
    for node in select(document, path):
        if not is_element(node):
            raise OttlEvaluationError("InsertXML: the path selects something that is no element")
        node.extend(copy.deepcopy(child) for child in fragment)
    return write_document(document)


def convert_attributes(target: str, path: str) -> str:
    """Return the document with the selected attributes turned into elements at the end of their element."""
    document = read_document(target)
    for node in select(document, path):
        if not getattr(node, "is_attribute", False):
            continue
        parent = node.getparent()
        child = etree().SubElement(parent, etree().QName(node.attrname).localname)
        child.text = str(node)
        parent.attrib.pop(node.attrname, None)
    return write_document(document)


def convert_texts(target: str, path: str, element_name: str) -> str:
    """Return the document with each text wrapped in an element where it stands beside others."""
    document = read_document(target)
    selected = [document.root] if path == "/" else select(document, path)
    for element in selected:
        if is_element(element):
            _wrap_texts(element, element_name)
    return write_document(document)


def _wrap_texts(element: Any, name: str) -> None:
    children = list(element)
    for child in children:
        if is_element(child):
            _wrap_texts(child, name)
    count = len(texts(element))
    if not count or count + sum(map(is_element, children)) <= 1:
        return
    for child in children:
        if child.tail:
            wrapped = _element(name, child.tail)
            child.tail = None
            child.addnext(wrapped)
    if element.text:
        element.insert(0, _element(name, element.text))
        element.text = None


def _element(name: str, text: str) -> Any:
    try:
        made = etree().Element(name)
    except ValueError:
        raise OttlEvaluationError(f"ConvertTextToElementsXML: bad element name {name!r}") from None
    made.text = text
    return made


def parse_xml(target: str) -> dict[str, Value]:
    """Return the document as nested maps with tag, content, attributes and children."""
    root = read_document(target).root
    if target != target.rstrip() or root is None or root.getnext() is not None:
        raise OttlEvaluationError("ParseXML: text stands behind the root element")
    return _describe(root)


def _describe(element: Any) -> dict[str, Value]:
    described: dict[str, Value] = {"tag": local_name(element)}
    content = "".join(text.strip(GO_SPACE) for text in texts(element))
    if content:
        described["content"] = content
    attributes: dict[str, Value] = {
        prefix or "xmlns": uri for prefix, uri in declared(element).items()
    }
    attributes |= {etree().QName(key).localname: value for key, value in element.attrib.items()}
    if attributes:
        described["attributes"] = attributes
    children: list[Value] = [_describe(child) for child in element if is_element(child)]
    if children:
        described["children"] = children
    return described


def parse_simplified_xml(target: str) -> dict[str, Value]:
    """Return elements as maps by name and leaves as texts; attributes and empty elements are left out."""
    root = read_document(target).root
    return _simplify([root])


def _simplify(elements: list[Any]) -> dict[str, Value]:
    repeats = Counter(local_name(element) for element in elements)
    simplified: dict[str, Value] = {}
    for element in elements:
        inner = [child for child in element if is_element(child)]
        value: Value = _simplify(inner) if inner else next(iter(texts(element)), None)
        name = local_name(element)
        if repeats[name] > 1 and (inner or len(element) or element.text):
            several = simplified.setdefault(name, [])
            if value and isinstance(several, list):
                several.append(value)
        elif value:
            simplified[name] = value
    return simplified


def _has_text(node: Any) -> bool:
    return is_element(node) or isinstance(node, str)


def _bind_paths(
    name: str, function: Function, default: str
) -> Callable[[Mapping[str, Value]], Function]:
    """Return a bind that checks the path at start-up and fills in its default."""

    def bind(literals: Mapping[str, Value]) -> Function:
        path = str(literals.get("x_path") or default)
        check_path(name, path)
        if name == "ConvertTextToElementsXML":
            element_name = str(literals.get("element_name") or "value")
            return lambda target, *_options: function(target, path, element_name)
        if name == "InsertXML":
            return lambda target, _path, sub_document: function(target, path, sub_document)
        return lambda target, _path: function(target, path)

    return bind


def _with_path(name: str, function: Function, *more: Param, default: str = "") -> Converter:
    path = Param("x_path", ParamKind.LITERAL_STRING, optional=bool(default))
    return Converter(
        name=name, params=(TARGET, path, *more), bind=_bind_paths(name, function, default)
    )


def _parser(name: str, function: Function) -> Converter:
    def bind(_literals: Mapping[str, Value]) -> Function:
        etree()  # at start-up, not with the first data
        return function

    return Converter(name=name, params=(TARGET,), bind=bind)


CONVERTERS: Final[tuple[Converter, ...]] = (
    _with_path("GetXML", get_xml),
    _with_path("RemoveXML", remove_xml),
    _with_path("InsertXML", insert_xml, Param("sub_document", ParamKind.STRING)),
    _with_path("ConvertAttributesToElementsXML", convert_attributes, default="//@*"),
    _with_path(
        "ConvertTextToElementsXML",
        convert_texts,
        Param("element_name", ParamKind.LITERAL_STRING, optional=True),
        default="/",
    ),
    _parser("ParseXML", parse_xml),
    _parser("ParseSimplifiedXML", parse_simplified_xml),
)
