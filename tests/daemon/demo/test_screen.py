"""What the demo draws, without a terminal."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.demo.screen import (
    MIN_WIDTH,
    SETTLING,
    UNKNOWN,
    Paint,
    Picture,
    Style,
    Sync,
    ansi,
    draw,
    draw_chart,
    format_summary,
    format_sync,
    plain,
)
from daemon.demo.story import Phase, Story, load_story
from daemon.recording import METRICS_EXPORT, Event


def event(at_ms: int) -> Event:
    return Event(
        session="s", at_ms=at_ms, pod="p", connection=1, stream=3, method=METRICS_EXPORT, raw=b""
    )


STORY = Story(
    events=tuple(event(second * 1000) for second in range(0, 601, 20)),
    phases=(
        Phase(0, "no caller yet", "idle"),
        Phase(60_000, "one caller", "one caller"),
        Phase(400_000, "three callers", "three callers"),
    ),
    pause_begin_ms=200_000,
    pause_end_ms=300_000,
)
SYNCS = (
    Sync(30_000, None, 1, SETTLING),
    Sync(100_000, 1.0, 1),
    Sync(420_000, 3.0, 3),
    Sync(500_000, 4.5, 5),
    Sync(600_000, 2.0, 2),
)
PICTURE = Picture(
    story=STORY,
    now_ms=600_000,
    speed=20,
    scaler="127.0.0.1:4318",
    target=1.0,
    syncs=SYNCS,
    reports=12,
    report_bytes=16_131,
    note="recording paused for 100 s; the counters ran on",
)


def lines(text: str) -> list[str]:
    return text.strip("\n").split("\n")


def test_chart() -> None:
    """Values are an area, targets a dotted grid, replicas a step line on it, phases stand below."""
    assert draw_chart(PICTURE, 60, 12, plain) == lines(
        """
   5 .....................┊.....................▁▁▁▁▁▁▁▁▁▁.
                          ┊                     │         │
   4 .....................┊.....................│⣿⣿⣿⣿⣿⣿⣿⣿⣿│
                          ┊                     │⣿⣿⣿⣿⣿⣿⣿⣿⣿│
   3 .....................┊............▁▁▁▁▁▁▁▁▁│⣿⣿⣿⣿⣿⣿⣿⣿⣿│
                          ┊            │⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿│
   2 .....................┊............│⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿▁
                          ┊            │⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿
   1 ...▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁│⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿
               ⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿
   0 ...???????⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿
     ┬─────┬─────────────────────────┬─────────────────────
     idle  one caller                three callers

     ⣿ calls a second that KEDA is told   ▁▁ replicas
"""
    )


def test_screen() -> None:
    """The table above the chart tells what happens, what the sidecar sent, what KEDA is told, what the HPA wants."""
    drawn = [line.rstrip() for line in draw(PICTURE, 60, 24, plain)]
    assert drawn[:7] == lines(
        """
 tallyd demo                 10:00 of 10:00, 20 x real time

 happening       three callers
 sidecar sends   12 of 30 reports  the last 16.1 KB
 KEDA is told    2.000  calls a second
 the HPA wants   2 replicas  target 1 a replica
 ┊ recording paused for 100 s; the counters ran on

"""
    )
    assert drawn[8:] == draw_chart(PICTURE, 60, 12, plain)


@pytest.mark.parametrize(
    ("syncs", "unknown", "expected"),
    [
        ((), "", "not asked yet"),
        (SYNCS[:1], "50 s left", "settling after the start  50 s left"),
        (
            (Sync(30_000, None, 1, UNKNOWN),),
            "no sender has reported a metric x yet: check",
            "not known  no sender has reported a metri…",
        ),
    ],
    ids=["not asked", "settling", "unknown"],
)
def test_no_value(syncs: tuple[Sync, ...], unknown: str, expected: str) -> None:
    """Without a value the table says why there is none, cut to the width."""
    picture = replace(PICTURE, now_ms=30_000, syncs=syncs, unknown=unknown)
    assert draw(picture, 60, 24, plain)[4] == f" KEDA is told    {expected}"


def test_last_question() -> None:
    """The question after the last report counts as asked at the end, and is drawn."""
    late = Sync(609_000, 5.0, 7)
    drawn = draw(replace(PICTURE, now_ms=609_000, syncs=(*SYNCS, late)), 60, 24, plain)
    assert ("10:00 of 10:00," in drawn[0], "▁" in drawn[8]) == (True, True)


@pytest.mark.parametrize("width", [60, 80, 110])
def test_every_phase_is_labelled(width: int) -> None:
    """The demo's own phases all have their labels at any width."""
    picture = replace(PICTURE, story=load_story(), syncs=())
    labels = draw_chart(picture, width, 12, plain)[-3]
    assert labels.split() == ["idle", "1", "caller", "3", "callers", "burst", "3", "callers"]


def test_colours_add_nothing_else() -> None:
    """With the escape sequences taken out a coloured screen is the plain one."""
    coloured = draw(PICTURE, 90, 30, ansi)
    bare = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in coloured]
    assert bare == draw(PICTURE, 90, 30, plain)
    assert "\x1b[36m" in "".join(coloured)


def test_paint() -> None:
    """Plain text and empty text get no escape sequences."""
    paints: list[Paint] = [plain, ansi]
    texts = [
        paint(style, text)
        for paint in paints
        for style, text in [(Style.DIM, "a"), (Style.PLAIN, "a"), (Style.DIM, "")]
    ]
    assert texts == ["a", "a", "", "\x1b[2ma\x1b[0m", "a", ""]


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(MIN_WIDTH, 250),
    height=st.integers(18, 60),
    number=st.integers(0, len(SYNCS)),
    factor=st.sampled_from([0.1, 1.0, 7.3]),
    now_ms=st.integers(0, 600_000),
)
def test_fits(width: int, height: int, number: int, factor: float, now_ms: int) -> None:
    """At any moment and any size from the smallest on, the screen fits."""
    syncs = tuple(
        sync._replace(value=None if sync.value is None else sync.value * factor)
        for sync in SYNCS[:number]
    )
    drawn = draw(replace(PICTURE, now_ms=now_ms, syncs=syncs), width, height, plain)
    assert max(map(len, drawn)) <= width
    assert len(drawn) <= height


@pytest.mark.parametrize(
    ("sync", "expected"),
    [
        (SYNCS[0], "  0:30  no caller yet         settling after the start  1 replica"),
        (SYNCS[1], "  1:40  one caller                               1.000  1 replica   █████"),
        (
            SYNCS[3],
            "  8:20  three callers                            4.500  5 replicas  " + "█" * 22,
        ),
    ],
    ids=["settling", "one", "more"],
)
def test_sync_line(sync: Sync, expected: str) -> None:
    """Without a terminal each sync is a line."""
    assert format_sync(STORY, sync, 1.0) == expected


def test_summary() -> None:
    """The summary has each phase's largest value and the way of the replicas."""
    assert format_summary(PICTURE) == [
        "What was seen",
        "  no caller yet        settling after the start   replicas 1",
        "  one caller           up to 1.000/s              replicas 1",
        "  three callers        up to 4.500/s              replicas 1 -> 3 -> 5 -> 2",
    ]
