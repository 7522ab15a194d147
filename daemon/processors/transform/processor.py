"""The transform as a consumer: runs its groups, hands the batch on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from daemon.config.filter import ErrorMode
from daemon.ottl.evaluation import EditContext
from daemon.ottl.replacements import Replacements
from daemon.ottl.values import Value
from daemon.processors.complaints import Complaints
from daemon.processors.transform.group import Fail, Group
from receivers.consumer import Batch, Consumer
from receivers.errors import PermanentError
from receivers.model import Resource, ResourceMetrics

_NS_PER_MS: Final = 1_000_000


class _StoppedError(Exception):
    """A statement failed under `propagate`: its text and the error."""


class Transform:
    """Changes every batch by its groups of statements, in order; without groups batches go on untouched."""

    def __init__(
        self, groups: Sequence[Group], next_consumer: Consumer, complaints: Complaints
    ) -> None:
        self._groups = groups
        self._next = next_consumer
        self._complaints = complaints
        self._replacements = Replacements()

    def consume(self, batch: Batch) -> None:
        """Take a batch and hand it on changed.

        Raises:
            ConsumeError: a statement failed on it under `propagate`, or the next consumer did not take it.
        """
        context = EditContext(
            ResourceMetrics(_NOWHERE, []),
            now_unix_nano=batch.received_at_ms * _NS_PER_MS,
            replacements=self._replacements,
        )
        shared: dict[str, Value] = {}
        try:
            for group in self._groups:
                group.apply(batch, context, shared)
        except _StoppedError as error:
            self._complaints.refused("statement", str(error))
            raise PermanentError(f"{self._complaints.component_id}: {error}") from None
        self._next.consume(batch)


_NOWHERE: Final = Resource()


def fail_as(mode: ErrorMode, complaints: Complaints) -> Fail:
    """Return what acts on the errors of a group (spec/ottl.md 5.4, 6.2)."""

    def log(kind: str, text: str, error: str) -> None:
        complaints.failed(kind, text, error)

    def stop(_kind: str, text: str, error: str) -> None:
        raise _StoppedError(f"{text}: {error}")

    def ignore(_kind: str, _text: str, _error: str) -> None:
        """Say nothing."""

    return {ErrorMode.IGNORE: log, ErrorMode.SILENT: ignore, ErrorMode.PROPAGATE: stop}[mode]
