"""What the demo draws: state in, lines of text out; knows no terminal.

A `Paint` gives text its colour, or leaves it as it is; everything else is the same in both.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from daemon.demo.story import Story

MIN_WIDTH = 60
MAX_WIDTH = 110
_MARGIN = 5
"""Columns left of the chart: the scale."""
_AREA = " ⣀⣤⣶⣿"
"""A cell of the value's area, filled by quarters from below."""
_LINE, _UP, _GRID, _PAUSE, _UNKNOWN = "▁", "│", ".", "┊", "?"
_MIN_TOP = 5
"""Multiples of the target on the scale; what the burst reaches."""
_BAR_CELLS = 5


SETTLING = "settling after the start"
"""As the scaler calls it."""
UNKNOWN = "not known"


class Style(Enum):
    """What a piece of text is; the numbers are those of ANSI's SGR."""

    PLAIN = ""
    DIM = "2"
    BOLD = "1"
    VALUE = "36"
    REPLICAS = "1;33"
    WARNING = "33"


Paint = Callable[[Style, str], str]


def plain(_style: Style, text: str) -> str:
    """Return the text without colour."""
    return text


def ansi(style: Style, text: str) -> str:
    """Return the text with the escape sequences of a terminal around it."""
    return f"\x1b[{style.value}m{text}\x1b[0m" if style.value and text else text


class Sync(NamedTuple):
    """What KEDA was told at one sync, None if nothing yet, and the replicas that the HPA chose."""

    at_ms: int
    value: float | None
    replicas: int
    state: str = ""
    """Why there is no value: `SETTLING` or `UNKNOWN`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Everything on the screen at one moment."""

    story: Story
    now_ms: int
    speed: float
    scaler: str
    """host:port that is asked."""
    target: float
    syncs: Sequence[Sync]
    reports: int
    report_bytes: int
    unknown: str = ""
    """Why KEDA was told nothing at the last sync."""
    note: str = ""
    """What a viewer should know now."""


def draw(picture: Picture, width: int, height: int, paint: Paint) -> list[str]:
    """Return the screen, at most `height` lines of at most `width` columns."""
    width = min(width, MAX_WIDTH)
    head = list(_head(picture, width, paint))
    rows = height - len(head) - 5  # a blank line, and what stands below the chart
    chart = draw_chart(picture, width, rows, paint)
    return [*head, "", *chart]


def _head(picture: Picture, width: int, paint: Paint) -> Iterator[str]:
    story = picture.story
    now_ms = min(picture.now_ms, story.end_ms)  # the last question comes after the last report
    clock = f"{_clock(now_ms - story.begin_ms)} of {_clock(story.end_ms - story.begin_ms)}"
    title, right = " tallyd demo", f"{clock}, {picture.speed:g} x real time "
    yield paint(Style.BOLD, title) + paint(Style.DIM, right.rjust(width - len(title)))
    yield ""
    last = picture.syncs[-1] if picture.syncs else None
    phase = story.phase_at(picture.now_ms).name
    yield _row("happening", paint(Style.BOLD, phase), "", paint)
    size = f"the last {picture.report_bytes / 1000:.1f} KB" if picture.report_bytes else ""
    count = f"{picture.reports} of {story.reports} reports"
    yield _row("sidecar sends", count, size, paint)
    if last is None or last.value is None:
        state = last.state if last else "not asked yet"
        told, detail = paint(Style.WARNING, state), _cut(picture.unknown, width - len(state) - 20)
    else:
        told, detail = paint(Style.VALUE, f"{last.value:.3f}"), "calls a second"
    yield _row("KEDA is told", told, detail, paint)
    replicas = last.replicas if last else 1
    number = paint(Style.REPLICAS, f"{replicas} {'replica' if replicas == 1 else 'replicas'}")
    yield _row("the HPA wants", number, f"target {picture.target:g} a replica", paint)
    yield paint(Style.DIM, f" {_PAUSE} {_cut(picture.note, width - 4)}" if picture.note else "")


def _cut(text: str, width: int) -> str:
    """Return `text` in at most `width` columns."""
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"


def _row(name: str, value: str, detail: str, paint: Paint) -> str:
    separator = "  " if detail else ""
    return f" {paint(Style.DIM, f'{name:<15}')} {value}{separator}{paint(Style.DIM, detail)}"


# -- the chart -------------------------------------------------------------------------------------


class _Cell(NamedTuple):
    text: str = " "
    style: Style = Style.PLAIN


_Grid = list[list[_Cell]]


def draw_chart(picture: Picture, width: int, rows: int, paint: Paint) -> list[str]:
    """Return the values as an area, replicas as a line on the grid of the target's multiples, and the phases below.

    The chart itself takes at most `rows` lines, at least 2; what is above its scale is cut.
    """
    columns = width - _MARGIN - 1
    top = min(_top(picture), rows - 1)
    per_unit = min(4, rows // (top + 1))
    height = per_unit * top + 1
    grid: _Grid = [[_Cell()] * columns for _ in range(height)]
    seen = [_seen_at(picture, column, columns) for column in range(columns)]
    for level in range(top + 1):
        grid[level * per_unit] = [_Cell(_GRID, Style.DIM)] * columns
    for column, sync in enumerate(seen):
        if sync is not None:
            _draw_value(grid, column, sync.value, per_unit / picture.target)
    _draw_pause(grid, picture.story, columns)
    _draw_replicas(grid, [sync and min(sync.replicas, top) for sync in seen], per_unit)
    scale = {level * per_unit: f"{level * picture.target:g}" for level in range(top + 1)}
    lines = [
        f"{paint(Style.DIM, scale.get(row, '').rjust(_MARGIN - 1))} {_painted(grid[row], paint)}"
        for row in reversed(range(height))
    ]
    legend = f"{paint(Style.VALUE, '⣿')} calls a second that KEDA is told   {paint(Style.REPLICAS, _LINE * 2)} replicas"
    return [*lines, *_axis(picture.story, columns, paint), "", " " * _MARGIN + legend]


def _top(picture: Picture) -> int:
    """Return how many multiples of the target the scale shows."""
    values = [(sync.value or 0.0) / picture.target for sync in picture.syncs]
    replicas = [sync.replicas for sync in picture.syncs]
    return max(_MIN_TOP, math.ceil(max(values, default=0.0)), max(replicas, default=0))


def _column(story: Story, at_ms: int, columns: int) -> int:
    return min(story.played_at(at_ms) * columns // (story.played_ms + 1), columns - 1)


def _seen_at(picture: Picture, column: int, columns: int) -> Sync | None:
    """Return the last sync of a column, or the one before it; None for columns of the future."""
    story = picture.story
    if column > _column(story, picture.now_ms, columns):
        return None
    before = [sync for sync in picture.syncs if _column(story, sync.at_ms, columns) <= column]
    return before[-1] if before else None


def _draw_value(grid: _Grid, column: int, value: float | None, rows_per_unit: float) -> None:
    if value is None:
        grid[0][column] = _Cell(_UNKNOWN, Style.WARNING)
        return
    quarters = round(value * rows_per_unit * 4)
    for row in grid:
        filled = min(max(quarters, 0), 4)
        if filled:
            row[column] = _Cell(_AREA[filled], Style.VALUE)
        quarters -= 4


def _draw_pause(grid: _Grid, story: Story, columns: int) -> None:
    column = _column(story, story.pause_begin_ms, columns)
    for row in grid:
        if row[column].text != _AREA[-1]:
            row[column] = _Cell(_PAUSE, Style.DIM)


def _draw_replicas(grid: _Grid, replicas: Sequence[int | None], per_unit: int) -> None:
    """Draw a step line: n replicas stand at the lower edge of the row that begins at n targets."""
    for column, (before, now) in enumerate(itertools.pairwise((None, *replicas))):
        if now is None:
            continue
        if before is not None and before != now:
            low, high = sorted((before * per_unit, now * per_unit))
            for row in range(low, high):
                grid[row][column] = _Cell(_UP, Style.REPLICAS)
        grid[now * per_unit][column] = _Cell(_LINE, Style.REPLICAS)


def _painted(cells: Iterable[_Cell], paint: Paint) -> str:
    runs = itertools.groupby(cells, key=lambda cell: cell.style)
    return "".join(paint(style, "".join(cell.text for cell in run)) for style, run in runs).rstrip()


def _axis(story: Story, columns: int, paint: Paint) -> Iterator[str]:
    """Yield a ruler with a tick where each phase begins, and the phases' labels that have room."""
    starts = [_column(story, phase.begin_ms, columns) for phase in story.phases]
    ruler, labels = ["─"] * columns, [" "] * columns
    free = 0
    for start, phase in zip(starts, story.phases, strict=True):
        ruler[start] = "┬"
        end = start + len(phase.label)
        if start >= free and end <= columns:
            labels[start:end] = phase.label
            free = end + 1
    yield paint(Style.DIM, " " * _MARGIN + "".join(ruler))
    yield " " * _MARGIN + "".join(labels).rstrip()


# -- without a terminal ----------------------------------------------------------------------------


def format_sync(story: Story, sync: Sync, target: float) -> str:
    """Return one sync as a line of its own."""
    told = sync.state if sync.value is None else f"{sync.value:.3f}"
    bar = "█" * round((sync.value or 0.0) / target * _BAR_CELLS)
    phase = story.phase_at(sync.at_ms).name
    replicas = f"{sync.replicas} {'replica ' if sync.replicas == 1 else 'replicas'}"
    clock = _clock(sync.at_ms - story.begin_ms)
    return f"{clock:>6}  {phase:<20}  {told:>24}  {replicas}  {bar}".rstrip()


def format_summary(picture: Picture) -> list[str]:
    """Return what was seen, phase by phase, as lines."""
    lines, replicas = ["What was seen"], 1
    spans = _spans(picture)
    for name, syncs in spans:
        path = [replicas, *(sync.replicas for sync in syncs)]
        replicas = path[-1]
        steps = [number for number, _ in itertools.groupby(path)]
        values = [sync.value for sync in syncs if sync.value is not None]
        states = [sync.state for sync in syncs]
        told = f"up to {max(values):.3f}/s" if values else next(iter(states), UNKNOWN)
        lines.append(f"  {name:<20} {told:<26} replicas {' -> '.join(map(str, steps))}")
    return lines


def _spans(picture: Picture) -> Iterator[tuple[str, list[Sync]]]:
    """Yield the syncs of each phase."""
    story = picture.story
    for phase, following in itertools.zip_longest(story.phases, story.phases[1:]):
        end_ms = following.begin_ms if following else story.end_ms + 1
        syncs = [sync for sync in picture.syncs if phase.begin_ms <= sync.at_ms < end_ms]
        yield phase.name, syncs


def _clock(span_ms: int) -> str:
    minutes, seconds = divmod(max(span_ms, 0) // 1000, 60)
    return f"{minutes}:{seconds:02}"
