"""What an editor declares of itself, and the arguments that it is bound to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from daemon.ottl.errors import OttlBuildError
from daemon.ottl.evaluation import Edit, EvaluationContext, Read
from daemon.ottl.functions.signature import Param, ParamKind
from daemon.ottl.targets import Target
from daemon.ottl.values import Value

Apply = Callable[[EvaluationContext, Value], Value]
"""Calls a converter that was passed by name; raises OttlEvaluationError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """The arguments of one call by parameter name; what was not given is absent."""

    targets: Mapping[str, Target] = field(default_factory=dict)
    functions: Mapping[str, Apply] = field(default_factory=dict)
    readers: Mapping[str, Read] = field(default_factory=dict)
    literals: Mapping[str, Value] = field(default_factory=dict)
    """Values of those known at start-up; they have a reader too."""

    @property
    def target(self) -> Target:
        """What the editor changes."""
        return self.targets["target"]

    def read(self, name: str, default: Value = None) -> Read:
        """Return how to read an argument; `default` where it was not given."""
        return self.readers.get(name, lambda _context: default)

    def text(self, name: str, default: str = "") -> str:
        """Return a literal string."""
        return str(self.literals.get(name, default))

    def choice(self, name: str, *choices: str, default: str = "") -> str:
        """Return a literal string that must be one of these.

        Raises:
            OttlBuildError: it is another.
        """
        chosen = self.text(name, default)
        if chosen not in choices:
            refuse(f"{name}: expected {' or '.join(choices)}, got {chosen!r}")
        return chosen

    def number(self, name: str, default: int = 0) -> int:
        """Return a literal int."""
        number = self.literals.get(name, default)
        return number if isinstance(number, int) else default

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a literal bool."""
        return bool(self.literals.get(name, default))


@dataclass(frozen=True, slots=True, kw_only=True)
class Editor:
    """A function that statements begin with.

    `bind` is called once at start-up and returns how to edit; it raises OttlBuildError for literals that can never work.
    `contexts` names where it may be used; None is everywhere. `changes_header` and `touches_points` say what it does
    beside changing its target: one that touches no points leaves a metric's points on the wire.
    """

    name: str
    params: tuple[Param, ...]
    bind: Callable[[Arguments], Edit]
    contexts: frozenset[str] | None = None
    changes_header: bool = False
    touches_points: bool = False


TARGET = Param("target", ParamKind.TARGET)


def refuse(message: str) -> NoReturn:
    """Stop the start."""
    raise OttlBuildError(message)
