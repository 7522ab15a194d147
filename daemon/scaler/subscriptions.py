"""The open StreamIsActive calls, found by the metric names whose samples may concern them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager

from daemon.scaler.activity import Activity
from daemon.scaler.answers import Ref
from daemon.scaler.metadata import ANY_NAME


class Subscription:
    """One open StreamIsActive call; `wake` is set when it is to be evaluated."""

    __slots__ = ("activity", "names", "ref", "wake")

    def __init__(self, ref: Ref) -> None:
        self.ref = ref
        self.activity = Activity()
        self.wake = asyncio.Event()
        self.names: frozenset[str] = frozenset()


class Subscriptions:
    """All of them; `names_of` returns the metric names of a trigger."""

    def __init__(self, names_of: Callable[[Ref], frozenset[str]]) -> None:
        self._names_of = names_of
        self._open: set[Subscription] = set()
        self._by_name: dict[str, set[Subscription]] = {}

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def opened(self, ref: Ref) -> Iterator[Subscription]:
        """Hold a subscription for `ref`."""
        subscription = Subscription(ref)
        self._open.add(subscription)
        self._index(subscription)
        try:
            yield subscription
        finally:
            self._unindex(subscription)
            self._open.discard(subscription)

    def wake_named(self, names: AbstractSet[str]) -> None:
        """Wake whom samples of these metric names may concern; costs next to nothing while nobody subscribes."""
        if not self._by_name:
            return
        for name in self._by_name.keys() & {ANY_NAME, *names}:
            for subscription in self._by_name[name]:
                subscription.wake.set()

    def wake_overdue(self, now_ms: int) -> None:
        """Wake whom no sample has woken for long."""
        for subscription in self._open:
            if subscription.activity.is_overdue(now_ms):
                subscription.wake.set()

    def wake_all(self) -> None:
        """Wake everybody."""
        for subscription in self._open:
            subscription.wake.set()

    def reindex(self) -> None:
        """Find out all metric names anew, because the named queries changed."""
        for subscription in self._open:
            self._unindex(subscription)
            self._index(subscription)

    def _index(self, subscription: Subscription) -> None:
        subscription.names = self._names_of(subscription.ref)
        for name in subscription.names:
            self._by_name.setdefault(name, set()).add(subscription)

    def _unindex(self, subscription: Subscription) -> None:
        for name in subscription.names:
            self._by_name[name].discard(subscription)
            if not self._by_name[name]:
                del self._by_name[name]
        subscription.names = frozenset()
