"""`/api/v1/tallyd/explain`: what a trigger would be told now, and how it comes about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from daemon.web.api import Route
from daemon.web.asking import Asking
from daemon.web.envelope import ApiError, Reply, reply
from daemon.web.parameters import Parameters
from daemon.web.prometheus import api_route

PATH = "/api/v1/tallyd/explain"


class Explains(Protocol):
    """Whoever explains answers: `daemon.scaler.explaining.Explainer`."""

    def explain(self, metadata: Mapping[str, str]) -> Callable[[], object]:
        """Ask, and return what describes the answer in any thread; raises ValueError if `metadata` asks nothing."""

    def settled(self) -> None:
        """Explain as after settling."""


def explain_routes(explainer: Explains, asking: Asking) -> Mapping[str, Route]:
    """Return the page; its parameters are the keys of a trigger's metadata."""

    async def explain(parameters: Parameters, _: str) -> Reply:
        try:
            describe = explainer.explain(parameters.first())
        except ValueError as error:
            raise ApiError("bad_data", str(error)) from error
        return await asking.in_worker(lambda: reply(describe()))

    return {PATH: api_route(explain)}
