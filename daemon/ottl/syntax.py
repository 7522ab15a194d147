"""The tree that the parser makes of a condition or statement; every node knows the character where it begins."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.ottl.lexer import LiteralValue


@dataclass(frozen=True, slots=True)
class Literal:
    """nil, a bool, an int, a float, a string or bytes."""

    value: LiteralValue
    offset: int


@dataclass(frozen=True, slots=True)
class Enum:
    """A symbol such as METRIC_DATA_TYPE_SUM."""

    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class FunctionName:
    """A function passed by name, as an argument."""

    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class ListLiteral:
    """`[1, name]`."""

    items: tuple[Value, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class MapLiteral:
    """`{"a": 1}`; of equal keys the last one counts."""

    items: tuple[tuple[str, Value], ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a path between dots, with its keys."""

    name: str
    keys: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """`resource.attributes["k"]`; whether the first segment names a context is decided when it is compiled."""

    segments: tuple[Segment, ...]
    offset: int

    def __str__(self) -> str:
        return ".".join(segment.name for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a call; `name` is None for a positional one."""

    name: str | None
    value: Value | FunctionName
    offset: int


@dataclass(frozen=True, slots=True)
class Call:
    """A converter, with the keys that index its result, or an editor, which has none."""

    name: str
    arguments: tuple[Argument, ...]
    keys: tuple[Value, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Signed:
    """A value behind a sign."""

    sign: str
    operand: Value
    offset: int


@dataclass(frozen=True, slots=True)
class Math:
    """Operands of one precedence, left associative: flat, so that a long sum is no deep tree."""

    first: Value
    rest: tuple[tuple[str, Value], ...]
    offset: int


Value = Literal | Enum | ListLiteral | MapLiteral | Path | Call | Signed | Math


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left operator right`."""

    left: Value
    operator: str
    right: Value
    offset: int


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of its operand."""

    operand: Boolean


@dataclass(frozen=True, slots=True)
class And:
    """True when all operands are; left to right."""

    operands: tuple[Boolean, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """True when one operand is; left to right."""

    operands: tuple[Boolean, ...]


Boolean = Comparison | Not | And | Or | Call | Literal


@dataclass(frozen=True, slots=True)
class Statement:
    """`editor where condition`; without a condition the editor always runs."""

    editor: Call
    where: Boolean | None
