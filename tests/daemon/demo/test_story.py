"""The demo's story: one recording in three sessions."""

from __future__ import annotations

import pytest

from daemon.demo.story import Story, load_story
from daemon.recording import metrics_events


@pytest.fixture(scope="module")
def story() -> Story:
    return load_story()


def test_one_recording(story: Story) -> None:
    """Three sessions are one: streams open once, the report that two sessions share comes once, time only goes on."""
    times_ms = [event.at_ms for event in story.events]
    first_messages = [event.method.rpartition("/")[2] for event in story.events[:3]]
    assert (story.reports, times_ms, first_messages) == (
        33,
        sorted(times_ms),
        ["Export", "Config", "Export"],
    )
    assert len({event.at_ms for event in metrics_events(story.events)}) == 34


def test_pause(story: Story) -> None:
    """The recorder's pause of 100 s is no playing time."""
    assert (
        story.pause_end_ms - story.pause_begin_ms,
        story.played_ms,
        story.end_ms - story.begin_ms,
        story.played_at(story.pause_end_ms) - story.played_at(story.pause_begin_ms),
    ) == (99_949, 642_038, 741_987, 0)


@pytest.mark.parametrize(
    ("second", "name"),
    [
        (-1, "no caller yet"),
        (0, "no caller yet"),
        (65, "one caller"),
        (332, "one caller"),
        (333, "three callers"),
        (540, "burst of 100 calls"),
        (700, "three callers again"),
    ],
)
def test_phases(story: Story, second: int, name: str) -> None:
    """What goes on is known for every second of the recording."""
    assert story.phase_at(story.begin_ms + second * 1000).name == name
