"""What operators are told of senders."""

from __future__ import annotations

from collections import Counter

from query.store.collection import Collection
from query.store.senders import Sender
from query.store.settings import Notify


def tell_shift(sender: Sender, counters: Counter[str], notify: Notify) -> None:
    """Count that the correction of a sender's clock has changed, and tell of it once."""
    counters["shifted_senders"] += 1
    if not sender.shift_told:
        sender.shift_told = True
        fields = {"sender": sender.name, "offset_ms": sender.clock_offset_ms}
        notify("sender_clock_shifted", fields)


def tell_apart(
    collection: Collection, sender: Sender, counters: Counter[str], notify: Notify
) -> None:
    """Show the label `sender` where live senders have labels of `sender`, and tell of it."""
    told = collection.tell_apart(sender)
    if told:
        counters["shared_labels"] += len(told)
        labels, senders = next(iter(told.items()))
        notify(
            "labels_shared_by_live_senders",
            {"label_sets": len(told), "labels": dict(labels), "senders": senders},
        )
