"""The demo's story: three recorded sessions, which are one recording of one sidecar, and what goes on in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from daemon.recording import Event, load_session, metrics_events

SESSIONS = ("nodeapp-start", "three-callers", "burst")
"""In order of time; the recorder paused between the first two, and the last two share a report."""


class Phase(NamedTuple):
    """What goes on from `begin_ms` on; `label` is short enough for the chart."""

    begin_ms: int
    name: str
    label: str


# When callers came is in the recordings' README, in seconds of their session. The burst is over after 5 s, but it stays in
# the window of a minute, which ends with the last report: until then it is what one sees.
_PHASES = (
    ("nodeapp-start", 0.0, "no caller yet", "idle"),
    ("nodeapp-start", 64.7, "one caller", "1 caller"),
    ("three-callers", 35.0, "three callers", "3 callers"),
    ("burst", 22.0, "burst of 100 calls", "burst"),
    ("burst", 105.0, "three callers again", "3 callers"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Events in order of time; times are those of the recording."""

    events: tuple[Event, ...]
    phases: tuple[Phase, ...]
    pause_begin_ms: int
    pause_end_ms: int
    """Nothing was recorded in between, though the sidecar went on."""

    @property
    def begin_ms(self) -> int:
        """When it begins."""
        return self.events[0].at_ms

    @property
    def end_ms(self) -> int:
        """When it ends."""
        return self.events[-1].at_ms

    @property
    def played_ms(self) -> int:
        """How long it is without the pause."""
        return self.played_at(self.end_ms)

    @property
    def reports(self) -> int:
        """How many reports the sidecar sends; the first message of its stream is none."""
        return len(metrics_events(self.events)) - 1

    def played_at(self, at_ms: int) -> int:
        """Return how much has been played at `at_ms`, the pause left out."""
        pause_ms = min(max(at_ms - self.pause_begin_ms, 0), self.pause_end_ms - self.pause_begin_ms)
        return at_ms - self.begin_ms - pause_ms

    def phase_at(self, at_ms: int) -> Phase:
        """Return what goes on at `at_ms`."""
        begun = [phase for phase in self.phases if phase.begin_ms <= at_ms]
        return begun[-1] if begun else self.phases[0]


def load_story() -> Story:
    """Return the story.

    Raises:
        RecordingError: the recordings are not there.
    """
    sessions = {name: load_session(name) for name in SESSIONS}
    first, *others = sessions.values()
    events = list(first)
    for session in others:
        events += continuation(session, after_ms=events[-1].at_ms)
    begins_ms = {name: session[0].at_ms for name, session in sessions.items()}
    return Story(
        events=tuple(events),
        phases=tuple(
            Phase(begins_ms[session] + round(second * 1000), name, label)
            for session, second, name, label in _PHASES
        ),
        pause_begin_ms=first[-1].at_ms,
        pause_end_ms=events[len(first)].at_ms,
    )


def continuation(session: Sequence[Event], *, after_ms: int) -> list[Event]:
    """Return what a session adds to one that ends at `after_ms`, on the same streams: not their first messages again."""
    begun: set[int] = set()
    added = []
    for event in session:
        if event.stream in begun and event.at_ms > after_ms:
            added.append(event)
        begun.add(event.stream)
    return added
