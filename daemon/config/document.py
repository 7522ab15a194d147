"""YAML text to plain values and their marks: expanded, typed as the collector types them, bounded."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import yaml
from yaml.composer import Composer
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from daemon.config.errors import ConfigError, KeyPath, UnknownKeyError
from daemon.config.expansion import Expander, ExpansionError
from daemon.config.marks import Mark, Marks

Value = str | bool | int | float | None | list["Value"] | dict[str, "Value"]

MAX_CHARACTERS = 1 << 20
"""As large as a Kubernetes ConfigMap can be."""
MAX_NODES = 100_000
"""Values of one file, each alias counted as what it stands for."""
MAX_DEPTH = 64

_SURROGATE = re.compile("[\ud800-\udfff]")

_PLAINLY = {
    r"found character '\t' that cannot start any token": "indent with spaces, not tabs",
    "expected <block end>": "this line's indentation fits no list or mapping above",
}
"""What YAML's own words mean to whoever wrote the file."""

_TAG = "tag:yaml.org,2002:"
_CORE_SCHEMA = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]{1,400}|0o[0-7]{1,400}|0x[0-9a-fA-F]{1,400}", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+."),
    ("merge", r"<<", "<"),
)


class _Resolver(BaseResolver):
    """The core schema of YAML 1.2 and the merge key: `yes` and `on` are text, as in the collector."""


for _name, _pattern, _first in _CORE_SCHEMA:
    _Resolver.add_implicit_resolver(_TAG + _name, re.compile(f"(?:{_pattern})\\Z"), _first)


class _Loader(Reader, Scanner, Parser, Composer, _Resolver):
    """Composes nodes and no more; the depth is bounded because composing recurses."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        _Resolver.__init__(self)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self._depth > MAX_DEPTH:
            problem = f"nested deeper than {MAX_DEPTH} levels"
            # no-untyped-call: the stubs leave it out
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
        self._depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


@dataclass(slots=True, kw_only=True)
class Document:
    """A file as values; `mistakes` and `warnings` are what reading it brought to light."""

    value: Value
    marks: Marks
    mistakes: list[ConfigError] = field(default_factory=list)
    warnings: list[ConfigError] = field(default_factory=list)


def parse_document(name: str, text: str, environ: Mapping[str, str]) -> Document:
    """Return the values of `text`, a YAML file called `name`; mistakes are in the result."""
    if len(text) > MAX_CHARACTERS:
        marks = Marks(name, "", {})
        error = ConfigError((), f"larger than {MAX_CHARACTERS >> 20} MiB")
        return Document(value=None, marks=marks, mistakes=[error])
    try:
        node = _compose(text)
    except yaml.YAMLError as error:
        return _not_yaml(name, text, error)
    builder = _Builder(expander=Expander(environ))
    value = builder.build(node, ()) if node is not None else None
    return Document(
        value=value,
        marks=Marks(name, text, builder.marks),
        mistakes=builder.mistakes,
        warnings=builder.warnings,
    )


def _compose(text: str) -> yaml.Node | None:
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _not_yaml(name: str, text: str, error: yaml.YAMLError) -> Document:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        index, problem = (
            (mark.index if mark else 0),
            error.problem or error.context or "cannot be read",
        )
    else:
        index = error.position if isinstance(error, ReaderError) else 0
        problem = f"character {text[index : index + 1]!r} is not allowed"
    for words, meaning in _PLAINLY.items():
        if words in problem:
            problem = f"{meaning} ({problem})"
            break
    marks = Marks(name, text, {(): Mark(start=index, end=index)})
    return Document(value=None, marks=marks, mistakes=[ConfigError((), f"not YAML: {problem}")])


class _TooLargeError(Exception):
    """Aliases multiplied the file."""


@dataclass(slots=True)
class _Builder:
    """Walks the nodes once, each alias as what it stands for."""

    expander: Expander | None
    """None in what a reference gave."""
    marks: dict[KeyPath, Mark] = field(default_factory=dict)
    mistakes: list[ConfigError] = field(default_factory=list)
    warnings: list[ConfigError] = field(default_factory=list)
    nodes: int = 0

    def build(self, node: yaml.Node, path: KeyPath) -> Value:
        try:
            return self._value(node, path, None)
        except _TooLargeError:
            self.mistakes.append(
                ConfigError((), f"more than {MAX_NODES} values: check the aliases")
            )
            return None

    def _value(self, node: yaml.Node, path: KeyPath, key: yaml.Node | None) -> Value:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise _TooLargeError
        key_start = key.start_mark.index if key else None
        style = "" if not isinstance(node, yaml.ScalarNode) else node.style
        self.marks[path] = Mark(
            start=node.start_mark.index,
            end=node.end_mark.index,
            key_start=key_start,
            style=style,
        )
        if len(path) > MAX_DEPTH:
            raise _TooLargeError
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*path, i), None) for i, item in enumerate(node.value)]
        return self._scalar(node, str(node.value), path)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Value]:
        values: dict[str, Value] = {}
        merged: list[tuple[yaml.Node, yaml.Node]] = []
        for key, item in node.value:
            if key.tag == _TAG + "merge":
                merged += self._merged(item, path)
                continue
            name = self._key(key, path)
            if name is None:
                continue
            if name in values:
                self._mistake(path, "this key stands here twice", key)
                continue
            values[name] = self._value(item, (*path, name), key)
        for key, item in merged:
            name = self._key(key, path)
            if name is not None and name not in values:
                values[name] = self._value(item, (*path, name), key)
        return values

    def _key(self, key: yaml.Node, path: KeyPath) -> str | None:
        if isinstance(key, yaml.ScalarNode):
            return str(key.value)
        self._mistake(path, "expected text as a key, got a list or mapping", key)
        return None

    def _merged(self, node: yaml.Node, path: KeyPath) -> list[tuple[yaml.Node, yaml.Node]]:
        """Return the keys and values that `<<` brings; the first of several mappings wins."""
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        self.nodes += len(sources)
        pairs = []
        for source in sources:
            if isinstance(source, yaml.MappingNode):
                pairs += [pair for pair in source.value if pair[0].tag != _TAG + "merge"]
            else:
                self._mistake(path, "expected a mapping behind <<", source)
        return pairs

    def _mistake(self, path: KeyPath, expected: str, node: yaml.Node) -> None:
        """Note a mistake at `node`, a key or what stands for one."""
        start = node.start_mark.index
        name = str(node.value) if isinstance(node, yaml.ScalarNode) else "?"
        self.marks[(*path, name)] = Mark(start=start, end=node.end_mark.index, key_start=start)
        self.mistakes.append(UnknownKeyError((*path, name), expected))

    def _scalar(self, node: yaml.Node, text: str, path: KeyPath) -> Value:
        self.marks[path] = replace(self.marks[path], value=text)
        if _SURROGATE.search(text):
            self.mistakes.append(ConfigError(path, "half of a surrogate pair is no character"))
            return None
        if "$" in text and self.expander:
            return self._expanded(self.expander, text, path)
        return self._typed(node.tag, text, path)

    def _expanded(self, expander: Expander, text: str, path: KeyPath) -> Value:
        try:
            expansion = expander.expand(text)
        except ExpansionError as error:
            self.mistakes.append(ConfigError(path, error.expected, error.offset))
            return None
        finally:
            self.warnings += [ConfigError(path, text) for text in expander.take_warnings()]
        self.marks[path] = replace(self.marks[path], pieces=expansion.pieces)
        return self._whole(expansion.text, path) if expansion.is_whole else expansion.text

    def _whole(self, text: str, path: KeyPath) -> Value:
        """Return what a reference that is a value of its own stands for: YAML if it is, else its text."""
        try:
            node = _compose(text)
        except yaml.YAMLError:
            return text
        if node is None:
            return None
        inner = _Builder(expander=None, nodes=self.nodes)
        value = inner.build(node, path)
        self.nodes = inner.nodes
        self.mistakes += [ConfigError(path, error.expected) for error in inner.mistakes]
        return value

    def _typed(self, tag: str, text: str, path: KeyPath) -> Value:
        make = _MAKERS.get(tag)
        if make is None:
            self.mistakes.append(ConfigError(path, f"tag {tag} is not supported"))
            return None
        try:
            return make(text)
        except ValueError:
            self.mistakes.append(
                ConfigError(path, f"expected {tag.removeprefix(_TAG)}, got {text!r}")
            )
            return None


def _boolean(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise ValueError(text)
    return text.lower() == "true"


def _integer(text: str) -> int:
    return int(text, 0 if text[1:2] in {"o", "x"} else 10)


def _float(text: str) -> float:
    return float(re.sub(r"\.(?=inf|nan)", "", text.lower()))


_MAKERS: Mapping[str, Callable[[str], Value]] = {
    _TAG + "str": str,
    _TAG + "bool": _boolean,
    _TAG + "int": _integer,
    _TAG + "float": _float,
    _TAG + "null": lambda _: None,
}
