"""What operators do to a running process over HTTP, joined from those who do it."""

from __future__ import annotations

from daemon.logs import LOG_LEVELS, log_level, set_log_level
from daemon.reloading import Reloading
from daemon.web.admin import Administration


def administer(reloading: Reloading) -> Administration:
    """Return what can be done."""

    async def reload() -> tuple[str, bool]:
        outcome = await reloading.reload("POST /-/reload")
        if outcome.problem:
            return f"not reloaded, the old configuration stays: {outcome.problem}", False
        if outcome.restart_needed:
            settings = ", ".join(outcome.restart_needed)
            return f"reloaded; these settings take effect at a restart only: {settings}", True
        return "reloaded", True

    def change(level: str) -> tuple[str, bool]:
        if level not in LOG_LEVELS:
            return f"expected ?level= with one of {', '.join(LOG_LEVELS)}", False
        set_log_level(level)
        return level, True

    return Administration(reload=reload, log_level=log_level, set_log_level=change)
