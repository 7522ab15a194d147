"""`/api/v1/tallyd/doctor`: what is wrong with this tallyd, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from daemon.web.api import Route
from daemon.web.envelope import Reply, reply
from daemon.web.parameters import Parameters
from daemon.web.prometheus import READS, api_route

PATH = "/api/v1/tallyd/doctor"


class Severity(StrEnum):
    """How bad it is, the worst first."""

    ERROR = "error"
    """Answers are missing or wrong."""
    WARNING = "warning"
    """Something is likely not as it was meant."""
    INFO = "info"
    """It passes, or may be meant so."""


class Finding(NamedTuple):
    """One thing that was found."""

    severity: Severity
    what: str
    do: str
    """What to do about it."""


Diagnose = Callable[[], Sequence[Finding]]


def doctor_routes(diagnose: Diagnose) -> Mapping[str, Route]:
    """Return the page: a list of findings, the worst first."""

    async def doctor(_parameters: Parameters, _: str) -> Reply:
        return reply([finding._asdict() for finding in diagnose()])

    return {PATH: api_route(doctor, READS)}
