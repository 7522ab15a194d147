"""What a converter declares of itself: parameters and how to bind them (spec/ottl.md 4.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from daemon.ottl.values import Value


class ParamKind(Enum):
    """What an argument must be or be convertible to (spec/ottl.md 4.1, 4.2)."""

    LITERAL_STRING = auto()
    LITERAL_INT = auto()
    LITERAL_FLOAT = auto()
    LITERAL_BOOL = auto()
    STRING = auto()
    INT = auto()
    FLOAT = auto()
    BOOL = auto()
    MAP = auto()
    LIST = auto()
    TIME = auto()
    DURATION = auto()
    STRING_LIKE = auto()
    INT_LIKE = auto()
    FLOAT_LIKE = auto()
    BOOL_LIKE = auto()
    BYTES_LIKE = auto()
    ANY = auto()
    TARGET = auto()
    """A path that can be changed: editors only."""
    FUNCTION = auto()
    """A converter by name: editors only."""


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter; `name` is snake_case (camelCase is accepted in calls). With `many`, a list literal of `kind`."""

    name: str
    kind: ParamKind
    many: bool = False
    optional: bool = False


Function = Callable[..., Value]
"""Called with one positional value per parameter, already of the parameter's kind (a list of them for `many`); None
stands for an optional argument that was not given. Raises OttlEvaluationError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Converter:
    """A function that conditions call by name.

    `bind` is called once at start-up with the literal arguments by parameter name (already converted) and returns the
    function; it raises OttlBuildError for literals that can never work (a bad pattern).

    With `needs_context` the function gets the evaluation context as its first argument. `volatile` results differ from
    call to call (Now, UUID), so they are never remembered. `contexts` names where it may be used; None is everywhere.
    """

    name: str
    params: tuple[Param, ...]
    bind: Callable[[Mapping[str, Value]], Function]
    needs_context: bool = False
    volatile: bool = False
    takes_anything: bool = False
    """Declares no parameters and silently accepts any arguments (Now, UUID, UUIDv7)."""
    contexts: frozenset[str] | None = None
