"""What is kept of each trigger between calls, and what is shown of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from daemon.scaler.decision import Decision, Refused, Told

_K = TypeVar("_K")
_V = TypeVar("_V")
Samples = list[tuple[dict[str, str], float]]


class Lru(Generic[_K, _V]):
    """A mapping that forgets what was least recently asked for, and counts it."""

    def __init__(self, capacity: int, forgot: Callable[[], None]) -> None:
        self._capacity = capacity
        self._forgot = forgot
        self._items: OrderedDict[_K, _V] = OrderedDict()

    def get(self, key: _K) -> _V | None:
        """Return what is remembered of `key`, which counts as asked for."""
        value = self._items.get(key)
        if value is not None:
            self._items.move_to_end(key)
        return value

    def put(self, key: _K, value: _V) -> None:
        """Remember `value`."""
        self._items[key] = value
        self._items.move_to_end(key)
        if len(self._items) > self._capacity:
            self._items.popitem(last=False)
            self._forgot()

    def clear(self) -> None:
        """Forget all."""
        self._items.clear()

    def items(self) -> Iterable[tuple[_K, _V]]:
        """Return all that is remembered, what was asked for last at the end."""
        return self._items.items()

    def values(self) -> Iterable[_V]:
        """Return the same without the keys."""
        return self._items.values()


class Condition(NamedTuple):
    """How one trigger fares."""

    named: Mapping[str, str]
    """Its `namespace`, `scaled_object` and `query`."""
    decision: Decision
    fits: bool
    """Whether the last value came from series, or none was to be expected."""
    name: str | None
    """The metric name that was looked up, None if none is given by equality."""
    warnings: tuple[str, ...]
    target: float | None
    newest_sample_age_s: float | None


@dataclass(slots=True)
class Remembered:
    """What is kept of one trigger between calls."""

    decision: Decision | None = None
    decided_at_ms: int = 0
    told: Told | None = None
    """The last value that was the engine's own, for holding (keda.md 6.3.6)."""
    state: str = ""
    """What the log said last."""
    fits: bool = True
    """Whether the last value came from series, or none was to be expected."""
    name: str | None = None
    """The metric name that was last looked up."""
    target: float | None = None
    """Of the trigger, None where its metadata give none."""
    newest_sample_ms: int | None = None
    """When the newest sample of the last answer was taken."""
    warnings: tuple[str, ...] = ()
    """What the engine said of the last answer."""
    named: dict[str, str] = field(default_factory=dict)
    """The trigger in the log and the self-metrics."""
    has_fitted: bool = False
    """Whether it ever did: a query that once found series is not misspelt."""
    warned: bool = False
    """Whether the log has said what the asker should know although there is a value."""

    def condition(self, now_ms: int) -> Condition:
        """Return how the trigger fares; something was decided for it."""
        assert self.decision is not None  # noqa: S101
        newest_ms = self.newest_sample_ms
        return Condition(
            named=self.named,
            decision=self.decision,
            fits=self.fits,
            name=self.name,
            warnings=self.warnings,
            target=self.target,
            newest_sample_age_s=None if newest_ms is None else (now_ms - newest_ms) / 1000,
        )


def shown_values(conditions: Iterable[Condition]) -> Samples:
    """Return the value of each trigger that was told one."""
    return [
        (dict(one.named), one.decision.value)
        for one in conditions
        if isinstance(one.decision, Told)
    ]


def shown_targets(conditions: Iterable[Condition]) -> Samples:
    """Return the target of each trigger that has one."""
    return [(dict(one.named), one.target) for one in conditions if one.target is not None]


def shown_activity(conditions: Iterable[Condition]) -> Samples:
    """Return 1 for each trigger that is active, 0 for others; none where that is not known."""
    return [
        (dict(one.named), float(one.decision.active))
        for one in conditions
        if isinstance(one.decision, Told) or one.decision.active
    ]


def shown_ages(conditions: Iterable[Condition]) -> Samples:
    """Return how old the newest sample is that each trigger's last answer was made of."""
    return [
        (dict(one.named), one.newest_sample_age_s)
        for one in conditions
        if one.newest_sample_age_s is not None
    ]


def shown_unknown(conditions: Iterable[Condition]) -> Samples:
    """Return 1 for each trigger that has no value, with the reason."""
    return [
        ({**one.named, "reason": one.decision.refusal.value}, 1.0)
        for one in conditions
        if isinstance(one.decision, Refused)
    ]
