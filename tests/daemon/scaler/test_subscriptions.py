from __future__ import annotations

from contextlib import ExitStack

from daemon.scaler.answers import Ref, make_ref
from daemon.scaler.subscriptions import Subscription, Subscriptions


def names_of(ref: Ref) -> frozenset[str]:
    return frozenset(ref.metadata["names"].split(","))


async def test_named() -> None:
    """Samples wake whom their metric name concerns; the empty name stands for all."""
    subscriptions = Subscriptions(names_of)
    with ExitStack() as stack:
        open_ = {
            names: stack.enter_context(subscriptions.opened(make_ref("", "", {"names": names})))
            for names in ("a", "b,dapr_b", "")
        }
        woken = []
        for names in ({"a"}, {"b", "c"}, {"dapr_b"}, {"c"}, set[str]()):
            subscriptions.wake_named(names)
            woken.append([name for name, one in open_.items() if _asleep_again(one)])
        assert woken == [["a", ""], ["b,dapr_b", ""], ["b,dapr_b", ""], [""], [""]]
        assert len(subscriptions) == 3
    assert len(subscriptions) == 0
    subscriptions.wake_named({"a"})


async def test_overdue() -> None:
    """Only whom no evaluation has reached for 5 s is woken by the timer."""
    subscriptions = Subscriptions(names_of)
    ref = make_ref("", "", {"names": "a"})
    with subscriptions.opened(ref) as old, subscriptions.opened(ref) as new:
        old.activity.is_edge(True, 1_000)
        new.activity.is_edge(True, 2_000)
        subscriptions.wake_overdue(6_000)
        assert (old.wake.is_set(), new.wake.is_set()) == (True, False)


async def test_reindex() -> None:
    """Other names hold after `reindex`."""
    names = {"names": "a"}
    subscriptions = Subscriptions(names_of)
    with subscriptions.opened(make_ref("", "", names)) as one:
        names["names"] = "b"
        subscriptions.reindex()
        subscriptions.wake_named({"a"})
        assert not one.wake.is_set()
        subscriptions.wake_named({"b"})
        assert one.wake.is_set()


def _asleep_again(subscription: Subscription) -> bool:
    was_set = subscription.wake.is_set()
    subscription.wake.clear()
    return was_set
