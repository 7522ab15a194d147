"""Settings of the exporter that writes what passes: `exporters.debug`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from daemon.config.fields import rejected
from daemon.config.markers import AfterValidator, Field
from daemon.config.sending import refuse


def _check_paths(paths: tuple[str, ...]) -> tuple[str, ...]:
    if any(path not in {"stdout", "stderr"} for path in paths):
        raise rejected("expected stdout and stderr only: tallyd writes no files")
    return paths


@dataclass(frozen=True, slots=True, kw_only=True)
class DebugExporterConfig:
    """What users write below `exporters.debug`."""

    verbosity: Literal["basic", "normal", "detailed"] = "basic"
    sampling_initial: Annotated[int, Field(ge=0)] = 2
    """Messages told in each second before sampling begins."""
    sampling_thereafter: Annotated[int, Field(ge=0)] = 1
    """Beyond them every so many-th; 0 is none."""
    use_internal_logger: bool = True
    """Write to tallyd's log; otherwise to `output_paths`."""
    output_paths: Annotated[tuple[str, ...], AfterValidator(_check_paths)] = ("stdout",)
    loglevel: Annotated[None, refuse("write verbosity: basic, normal or detailed")] = None
