"""The expression tree of a query: frozen nodes that know where they stand in the text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum

from query.duration_tree import DurationTree
from query.labels import METRIC_NAME, Matcher, MatchOp
from query.text import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What all nodes have; `span` is the place in the text and no part of equality."""

    span: Span = field(default=Span(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberLiteral(Node):
    """A number; a duration written where a number is expected is its seconds. Two NaN are not equal."""

    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StringLiteral(Node):
    """A string."""

    value: str


class AtEdge(Enum):
    """`@ start()` and `@ end()`."""

    START = "start()"
    END = "end()"


At = int | AtEdge
"""What `@` pins the evaluation time to: Unix milliseconds, or an edge of the query range."""


class Reach(StrEnum):
    """How samples beyond the edges of a range take part (promql.md 4.1)."""

    ANCHORED = "anchored"
    """The last sample before the range counts as its first."""
    SMOOTHED = "smoothed"
    """The values at both edges are interpolated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorSelector(Node):
    """An instant vector selector; a matcher `__name__ = x` comes first.

    Here and below a duration that depends on the query's times is 0 beside its `..._tree` until
    `query.resolve.resolve_durations` puts the number in.
    """

    matchers: tuple[Matcher, ...]
    offset_ms: int = 0
    at: At | None = None
    reach: Reach | None = None
    offset_tree: DurationTree | None = None

    @property
    def name(self) -> str | None:
        """The metric name if it is given by equality."""
        first = self.matchers[0]
        return first.value if first.name == METRIC_NAME and first.op is MatchOp.EQUAL else None

    @property
    def is_plain(self) -> bool:
        """Whether there is no offset, no @ and no reach."""
        plain = self.offset_ms == 0 and self.offset_tree is None
        return plain and self.at is None and self.reach is None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixSelector(Node):
    """A range vector selector; offset, @ and reach are the inner selector's."""

    selector: VectorSelector
    range_ms: int
    range_tree: DurationTree | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subquery(Node):
    """`expr[range:step]`; without a step the server's evaluation interval is used."""

    expr: Expr
    range_ms: int
    step_ms: int | None = None
    offset_ms: int = 0
    at: At | None = None
    range_tree: DurationTree | None = None
    step_tree: DurationTree | None = None
    offset_tree: DurationTree | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Node):
    """A function call; `name` is a key of `query.signatures.FUNCTIONS`."""

    name: str
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """`by (labels)` or `without (labels)`."""

    labels: tuple[str, ...]
    without: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregation(Node):
    """An aggregation across series; `op` is a key of `query.signatures.AGGREGATIONS`."""

    op: str
    expr: Expr
    param: Expr | None = None
    grouping: Grouping | None = None


class UnaryOp(StrEnum):
    """A sign."""

    MINUS = "-"
    PLUS = "+"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unary(Node):
    """A sign before an expression."""

    op: UnaryOp
    expr: Expr


class BinaryOp(StrEnum):
    """The infix operators."""

    OR = "or"
    AND = "and"
    UNLESS = "unless"
    EQUAL = "=="
    NOT_EQUAL = "!="
    LESS_OR_EQUAL = "<="
    LESS = "<"
    GREATER_OR_EQUAL = ">="
    GREATER = ">"
    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    DIVIDE = "/"
    MODULO = "%"
    ATAN2 = "atan2"
    POWER = "^"

    @property
    def precedence(self) -> int:
        """How strongly it binds, 1 (`or`) to 6 (`^`)."""
        return _PRECEDENCE[self]

    @property
    def is_set_operator(self) -> bool:
        """Whether it is `and`, `or` or `unless`."""
        return self in {BinaryOp.OR, BinaryOp.AND, BinaryOp.UNLESS}

    @property
    def is_comparison(self) -> bool:
        """Whether it compares."""
        return self.precedence == _COMPARISON


_COMPARISON = 3
UNARY_PRECEDENCE = 5
"""A sign binds like `*`, so `-1^2` is -1 (promql.md 2.2)."""
POWER_PRECEDENCE = 6
_PRECEDENCE = {
    op: level
    for level, ops in enumerate(
        ("or", "and unless", "== != <= < >= >", "+ -", "* / % atan2", "^"), start=1
    )
    for op in map(BinaryOp, ops.split())
}


RESERVED = frozenset({"bool", "on", "ignoring", "group_left", "group_right", "atan2"})
"""Words that name a metric in quotes only, `{"on"}`; the other keywords are metric names wherever one may stand."""


class Side(StrEnum):
    """Which operand is the many side of a many-to-one match."""

    LEFT = "group_left"
    RIGHT = "group_right"


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """How elements of two vectors are paired: `on` or `ignoring` labels, perhaps many to one."""

    labels: tuple[str, ...]
    on: bool = False
    many: Side | None = None
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary(Node):
    """An infix operator; `matching` is given for two vectors only."""

    op: BinaryOp
    left: Expr
    right: Expr
    return_bool: bool = False
    matching: Matching | None = None


Expr = (
    NumberLiteral
    | StringLiteral
    | VectorSelector
    | MatrixSelector
    | Subquery
    | Call
    | Aggregation
    | Unary
    | Binary
)


def with_children(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """Return `expr` with `change` applied to each expression directly below it; a range's selector stays."""
    match expr:
        case Call():
            return replace(expr, args=tuple(map(change, expr.args)))
        case Aggregation():
            param = None if expr.param is None else change(expr.param)
            return replace(expr, expr=change(expr.expr), param=param)
        case Binary():
            return replace(expr, left=change(expr.left), right=change(expr.right))
        case Subquery() | Unary():
            return replace(expr, expr=change(expr.expr))
        case _:
            return expr
