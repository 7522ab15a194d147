"""The functions label_replace and label_join: work on label sets alone, done once for a list of them (promql.md 2.7)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

import numpy as np

from query.errors import QueryError, RegexError
from query.evaluate.arguments import text_argument, vector_argument
from query.evaluate.context import Argument, Context, InstantFunction
from query.evaluate.delayed_names import drops_of
from query.evaluate.stepped import StepVector
from query.evaluate.value_counts import is_label_name, with_label
from query.labels import METRIC_NAME, Labels
from query.queryable import BoolArray
from query.regex import compile_replacement
from query.syntax import Call

LONGEST_VALUE = 65_536
"""Characters of a label value that these functions make: nested calls can double it with every level."""
MOST_CHARACTERS = 16_777_216
"""Characters that one call may make."""
MOST_PARTS = 100
"""References in a template, or labels that are joined: with more each series takes long, whatever comes of it."""
_ROWS_AT_ONCE = 1_000
"""Label sets between two looks at whether the asker still waits."""

NewValue = Callable[[Labels], str | None]
"""Returns the value that the destination label takes, None if it stays what it is."""


def _label_replace(context: Context, call: Call, arguments: Sequence[Argument]) -> StepVector:
    """Set a label to the expansion of a template where a regular expression matches another label's value.

    Raises:
        QueryError: The destination is no label name, or values would get too long.
        RegexError: The regular expression is not valid.
    """
    target, template, source, pattern = (text_argument(arguments, place) for place in range(1, 5))
    _check_name(call, "destination", target)
    _check_parts(call, "references in its template", template.count("$"))
    try:
        expand = compile_replacement(pattern, template)
    except RegexError as error:
        raise RegexError(f"invalid regular expression in label_replace(): {pattern}") from error
    known: dict[str, str | None] = {}

    def new_value(labels: Labels) -> str | None:
        text = _value(labels, source)
        if text not in known:
            known[text] = expand(text)
        return known[text]

    key = ("label_replace", target, template, source, pattern)
    return _relabel(
        context, call, vector_argument(arguments, 0), target, key=key, new_value=new_value
    )


def _label_join(context: Context, call: Call, arguments: Sequence[Argument]) -> StepVector:
    """Set a label to other labels' values, joined.

    Raises:
        QueryError: A label name is none, or values would get too long.
    """
    target, separator, *sources = (
        text_argument(arguments, place) for place in range(1, len(arguments))
    )
    _check_parts(call, "labels to join", len(sources))
    for source in sources:
        _check_name(call, "source", source)
    _check_name(call, "destination", target)

    def new_value(labels: Labels) -> str:
        values = dict(labels)
        return separator.join([values.get(source, "") for source in sources])

    key = ("label_join", target, separator, *sources)
    return _relabel(
        context, call, vector_argument(arguments, 0), target, key=key, new_value=new_value
    )


def _relabel(
    context: Context,
    call: Call,
    vector: StepVector,
    target: str,
    *,
    key: Hashable,
    new_value: NewValue,
) -> StepVector:
    """Return the vector with new labels; a name that is set here is not dropped later."""

    def compute() -> tuple[Sequence[Labels], BoolArray]:
        made = 0
        relabeled: list[Labels] = []
        is_set = np.zeros(len(vector.labels), dtype=np.bool_)
        for row, labels in enumerate(vector.labels):
            if row % _ROWS_AT_ONCE == 0:
                context.budget.check()
            value = new_value(labels)
            if value is None:
                relabeled.append(labels)
                continue
            made += len(value)
            if len(value) > LONGEST_VALUE or made > MOST_CHARACTERS:
                raise QueryError(
                    f"{call.name}() would make label values of more than {LONGEST_VALUE} "
                    f"characters, or {MOST_CHARACTERS} in all: use shorter ones"
                )
            relabeled.append(with_label(labels, target, value))
            is_set[row] = True
        context.budget.take_characters(made)
        return relabeled, is_set

    labels, is_set = context.labels.remember(vector.labels, key, compute)
    drops_name = vector.drops_name
    if target == METRIC_NAME and drops_name is not False:
        drops_name = drops_of(vector) & ~is_set
    return replace(vector, labels=labels, drops_name=drops_name)


def _value(labels: Labels, name: str) -> str:
    for pair in labels:
        if pair[0] == name:
            return pair[1]
    return ""


def _check_parts(call: Call, what: str, number: int) -> None:
    if number > MOST_PARTS:
        raise QueryError(f"{call.name}() has {number} {what}, the limit is {MOST_PARTS}")


def _check_name(call: Call, role: str, name: str) -> None:
    if not is_label_name(name):
        raise QueryError(f"invalid {role} label name in {call.name}(): {name}")


LABEL_FUNCTIONS: dict[str, InstantFunction] = {
    "label_join": _label_join,
    "label_replace": _label_replace,
}
