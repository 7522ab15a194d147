"""Why a query found nothing: an unknown name, a filter, a matcher, or too few samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from daemon.explain.verdicts import Verdict
from daemon.scaler.asking import Outcome
from query.labels import METRIC_NAME, Labels, Matcher, MatchOp
from query.regex import build_matcher
from query.scaling import DAPR_PREFIX, MOST_AHEAD_MS
from query.store.store import Store
from query.syntax import VectorSelector
from query.text import names_like

MAX_NAMES = 3
MAX_VALUES = 5


def why_nothing(
    outcome: Outcome,
    selector: VectorSelector,
    store: Store,
    verdicts: Sequence[Verdict],
    *,
    lookback_ms: int,
) -> list[str]:
    """Return, as lines, why no series took part in the answer; nothing if one did."""
    answer = outcome.answer
    if answer is None or any(part.value is not None for part in outcome.parts):
        return []
    if not answer.known and answer.name is not None:
        return _unknown_name(answer.name, store, verdicts)
    if outcome.parts:
        return _without_value(outcome)
    name = answer.name
    if name is None:
        return ["no series matches; the query names no metric"]
    named = [build_matcher(METRIC_NAME, MatchOp.EQUAL, name)]
    span = (outcome.at_ms - lookback_ms, outcome.at_ms + MOST_AHEAD_MS)
    series = store.select(named, start_ms=span[0], end_ms=span[1]).labels
    if not series:
        return [f"{name} is reported, but without a time series: nothing was counted yet"]
    return _failing_matchers(name, selector.matchers, [dict(labels) for labels in series])


def _unknown_name(name: str, store: Store, verdicts: Sequence[Verdict]) -> list[str]:
    names = {name, name.removeprefix(DAPR_PREFIX)}
    for verdict in verdicts:
        if verdict.cause is None or names.isdisjoint(verdict.stored_as):
            continue
        condition = " ".join(verdict.cause.text.split())
        dropped = f"but {verdict.cause.processor} drops it by: {condition}"
        return [f"{name} is reported as {verdict.name}, {dropped}"]
    lines = [f"no sender has reported a metric {name}"]
    known = store.known_names()
    near = names_like(name, known)
    if near:
        lines.append(f"known names like it: {', '.join(near)}")
    unkept = [name for one in verdicts if not one.kept for name in one.stored_as]
    if filtered := [name for name in names_like(name, unkept) if name not in near]:
        lines.append(f"names like it that a filter drops: {', '.join(filtered)}")
    if not near and not filtered:
        lines.append(f"{len(known)} names are known, none is like it")
    return lines


def _without_value(outcome: Outcome) -> list[str]:
    warming = sum(part.warming for part in outcome.parts)
    if warming == len(outcome.parts):
        return [f"all {warming} series are warming: they count from their second report"]
    return ["no matching series has a sample in the window"]


def _failing_matchers(
    name: str, matchers: Sequence[Matcher], series: list[dict[str, str]]
) -> list[str]:
    lines = []
    for matcher in matchers:
        if matcher.name == METRIC_NAME or any(
            matcher.accepts(labels.get(matcher.name, "")) for labels in series
        ):
            continue
        values = sorted({labels.get(matcher.name, "") for labels in series})
        lines.append(f"{_shown(matcher)} fits no series of {name}: {_values(matcher, values)}")
        if values == [""] and (near := names_like(matcher.name, _label_names(series))):
            lines.append(f"labels like it: {', '.join(near)}")
    if not lines:
        lines.append(f"each matcher fits some series of {name}, but no series fits all of them:")
        lines += [_labels(labels) for labels in series[:MAX_NAMES]]
    return lines


def _values(matcher: Matcher, values: list[str]) -> str:
    if values == [""]:
        return f"none has a label {matcher.name}"
    near = get_close_matches(matcher.value, values, n=1)
    ordered = [*near, *(value for value in values if value not in near)]
    more = ", …" if len(ordered) > MAX_VALUES else ""
    return f"the values are {', '.join(map(repr, ordered[:MAX_VALUES]))}{more}"


def _label_names(series: Iterable[dict[str, str]]) -> list[str]:
    return sorted({name for labels in series for name in labels if name != METRIC_NAME})


def _shown(matcher: Matcher) -> str:
    return f"{matcher.name}{matcher.op}{matcher.value!r}"


def _labels(labels: dict[str, str]) -> str:
    return "{" + format_labels(tuple(labels.items())) + "}"


def format_labels(labels: Labels) -> str:
    """Return labels as in PromQL, without the metric name."""
    return ", ".join(f'{name}="{value}"' for name, value in labels if name != METRIC_NAME)
