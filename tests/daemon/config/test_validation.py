"""Values to dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Literal

import pytest

from daemon.config.document import Value
from daemon.config.errors import ConfigError, UnknownKeyError
from daemon.config.markers import AfterValidator, Field
from daemon.config.validation import read, salvage, unknown_key, validate


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    name: str
    size: Annotated[int, Field(ge=1, le=9)] = 1


class Color(Enum):
    RED = "red"
    BLUE = "blue"


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("expected an even number")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    leaf: Leaf | None = None
    leaves: tuple[Leaf | str, ...] = ()
    by_name: Mapping[str, Leaf] = field(default_factory=dict)
    mode: Literal["a", "b"] = "a"
    flag: bool = False
    ratio: float = 0.0
    texts: str | tuple[str, ...] = ()
    color: Color = Color.RED
    even: Annotated[int, AfterValidator(_even)] = 0
    anything: Any = None  # Any: is taken as it is


def check(value: Value) -> tuple[Tree | None, list[tuple[str, str]]]:
    mistakes: list[ConfigError] = []
    tree = validate(Tree, value, ("root",), mistakes)
    return tree, [(".".join(map(str, error.path)), error.expected) for error in mistakes]


def test_good() -> None:
    """Mappings become dataclasses at any depth, lists become tuples."""
    assert check(
        {
            "leaf": {"name": "x"},
            "leaves": ["y", {"name": "z"}],
            "by_name": {"k": {"name": "n"}},
            "ratio": 1,
            "color": "blue",
            "even": 2,
            "anything": [{"a": None}],
        }
    ) == (
        Tree(
            leaf=Leaf(name="x"),
            leaves=("y", Leaf(name="z")),
            by_name={"k": Leaf(name="n")},
            ratio=1.0,
            color=Color.BLUE,
            even=2,
            anything=[{"a": None}],
        ),
        [],
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, [("root", "expected a mapping, got 5")]),
        ({"mod": "a"}, [("root.mod", "unknown key; did you mean 'mode'?")]),
        (
            {"zzz": 1},
            [
                (
                    "root.zzz",
                    "unknown key; expected one of leaf, leaves, by_name, mode, flag, ratio, texts, color, even, anything",
                )
            ],
        ),
        ({"leaf": {}}, [("root.leaf.name", "is required and missing")]),
        ({"leaf": {"name": 5}}, [("root.leaf.name", "expected text, got 5")]),
        (
            {"leaf": {"name": "x", "nam": 1}},
            [("root.leaf.nam", "unknown key; did you mean 'name'?")],
        ),
        (
            {"by_name": {"k": {"nme": "x"}}},
            [
                ("root.by_name.k.nme", "unknown key; did you mean 'name'?"),
                ("root.by_name.k.name", "is required and missing"),
            ],
        ),
        (
            {"leaves": [{"name": "x", "siz": 1}]},
            [("root.leaves.0.siz", "unknown key; did you mean 'size'?")],
        ),
        ({"leaves": [7]}, [("root.leaves.0", "expected a mapping or text, got 7")]),
        ({"leaf": {"name": "x", "size": 0}}, [("root.leaf.size", "expected at least 1, got 0")]),
        ({"leaf": {"name": "x", "size": 10}}, [("root.leaf.size", "expected at most 9, got 10")]),
        (
            {"leaf": {"name": "x", "size": "2"}},
            [("root.leaf.size", "expected a whole number, got '2'")],
        ),
        (
            {"leaf": {"name": "x", "size": 2.5}},
            [("root.leaf.size", "expected a whole number, got 2.5")],
        ),
        ({"mode": "c"}, [("root.mode", "expected a or b, got 'c'")]),
        ({"color": "green"}, [("root.color", "expected red or blue, got 'green'")]),
        ({"color": ["red"]}, [("root.color", "expected red or blue, got a list")]),
        ({"even": 3}, [("root.even", "expected an even number")]),
        ({"even": True}, [("root.even", "expected a whole number, got true")]),
        ({"ratio": True}, [("root.ratio", "expected a number, got true")]),
        ({"leaf": [1]}, [("root.leaf", "expected a mapping, got a list")]),
        ({"flag": 1}, [("root.flag", "expected true or false, got 1")]),
        ({"flag": None}, [("root.flag", "expected true or false, got nothing")]),
        ({"ratio": "x"}, [("root.ratio", "expected a number, got 'x'")]),
        ({"by_name": []}, [("root.by_name", "expected a mapping, got a list")]),
        ({"leaves": "x"}, [("root.leaves", "expected a list, got 'x'")]),
        ({"texts": 5}, [("root.texts", "expected text or a list, got 5")]),
        ({"texts": ["a", 5]}, [("root.texts.1", "expected text, got 5")]),
        (
            {"mode": 1, "flag": 2},
            [
                ("root.mode", "expected a or b, got 1"),
                ("root.flag", "expected true or false, got 2"),
            ],
        ),
    ],
)
def test_bad(value: Value, expected: list[tuple[str, str]]) -> None:
    """Every mistake is told in the operator's words, at the path the operator wrote."""
    assert check(value) == (None, expected)


def test_unknown_key() -> None:
    """An unknown key names its neighbours only if they are there."""
    error = unknown_key(("a",), [])
    assert (type(error), error.expected) == (UnknownKeyError, "unknown key; there are no keys here")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"ratio": 2, "flag": 5, "x": 1}, Tree(ratio=2)),
        ({"texts": ["a", 5, "b"]}, Tree(texts=("a", "", "b"))),
        ({"leaf": {"size": 2}, "ratio": 2}, Tree(ratio=2)),
        ({"leaves": [{"name": "a"}, 5], "ratio": 2}, Tree(ratio=2)),
        ({"leaves": ["a", 5]}, Tree(leaves=("a", ""))),
        (5, None),
        ([5], None),
        (None, None),
    ],
)
def test_salvage(value: Value, expected: Tree | None) -> None:
    """What is right beside mistakes is kept, each item of a list in its place."""
    assert salvage(Tree, value) == expected


def test_no_such_hint() -> None:
    """A setting of a type that no file can hold is a fault of the program, told at once."""
    with pytest.raises(TypeError, match="no setting can be"):
        read(complex, 1, (), [])
