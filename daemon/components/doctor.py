"""What is wrong with a running tallyd, and what to do: each check looks at one thing that operators ask about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from daemon.components.part import Counted, Runtime
from daemon.scaler.answers import Answers
from daemon.scaler.decision import Refusal, Refused
from daemon.scaler.remembered import Condition
from daemon.web.doctor import Finding, Severity
from query.text import names_like

MAX_NAMED: Final = 5
"""Of a kind; the others are a number."""
FILTERED: Final = "otelcol_processor_filter_datapoints_filtered"

DAY_S: Final = 86_400
EXPIRES_SOON_DAYS: Final = 7

Check = Callable[[Runtime, Answers | None], Iterator[Finding]]


def diagnose(runtime: Runtime, answers: Answers | None) -> list[Finding]:
    """Return what every check has found, the worst first; `answers` is None where no scaler runs."""
    found = [finding for check in _CHECKS for finding in check(runtime, answers)]
    return sorted(found, key=lambda finding: list(Severity).index(finding.severity))


def _check_configuration(runtime: Runtime, _answers: Answers | None) -> Iterator[Finding]:
    details = runtime.details()
    if "reload" in details:
        yield Finding(
            Severity.ERROR,
            f"the last reload {details['reload']}",
            "mend the file (tallyd validate lists every mistake); it is read again when it changes",
        )
    if "restart_needed" in details:
        what = (
            f"these settings differ in the file and wait for a restart: {details['restart_needed']}"
        )
        yield Finding(Severity.WARNING, what, "restart tallyd; a snapshot keeps what it remembers")


def _check_senders(runtime: Runtime, _answers: Answers | None) -> Iterator[Finding]:
    if runtime.windows.reports:
        return
    receivers = {
        one for pipe in runtime.config.service.pipelines.values() for one in pipe.receivers
    }
    yield Finding(
        Severity.ERROR,
        f"no sender has reported since the start, to none of {', '.join(sorted(receivers))}",
        "look at the sidecars' annotation dapr.io/metrics-push-endpoint (otelcol:55678 in the same namespace), at the "
        "endpoints of the Service otelcol, at the network policy; a sidecar's first report comes 22 s after its start",
    )


def _check_targets(runtime: Runtime, _answers: Answers | None) -> Iterator[Finding]:
    for one in runtime.targets():
        if one.health == "down":
            yield Finding(
                Severity.ERROR,
                f"the target {one.name} of the job {one.job} is down: {one.problem}",
                "look whether it runs, at the address below static_configs of receivers."
                f"{one.receiver}, and at the network policy",
            )


def _check_pages(runtime: Runtime, _answers: Answers | None) -> Iterator[Finding]:
    for receiver, problems in runtime.unread_pages.items():
        unread = [f"{sender} ({why})" for sender, why in problems().items()]
        if unread:
            yield Finding(
                Severity.WARNING,
                f"the metrics pages of {len(unread)} senders cannot be read, their reports count instead: {_listed(unread)}",
                "look at the sidecars' annotations dapr.io/enable-metrics and dapr.io/metrics-port, at the network policies, "
                f"and at the port below scrape_senders of receivers.{receiver}",
            )


def counted(runtime: Runtime) -> Counted:
    """Return what has been counted until now."""
    dropped = runtime.metrics.counters(FILTERED, "", label="filter").values
    return Counted(runtime.windows.reports, runtime.store.counters["stored"], dict(dropped))


def _check_filters(runtime: Runtime, _answers: Answers | None) -> Iterator[Finding]:
    before, now = runtime.before, counted(runtime)
    dropping = [name for name, count in now.dropped.items() if count > before.dropped.get(name, 0)]
    if dropping and now.reports > before.reports and now.stored == before.stored:
        number, filters = now.reports - before.reports, ", ".join(dropping)
        yield Finding(
            Severity.ERROR,
            f"{number} reports have come and nothing of them is kept: {filters} drops every metric",
            'a filter drops what its conditions match: write name != "..." for the metric to keep, and run '
            "tallyd explain --config with your file to see which condition drops what",
        )


def _check_triggers(runtime: Runtime, answers: Answers | None) -> Iterator[Finding]:
    conditions = answers.conditions() if answers is not None else []
    for condition in conditions:
        yield from _about(condition, runtime)
    if answers is not None and not conditions:
        yield Finding(
            Severity.WARNING,
            "KEDA has asked for nothing in the last 10 minutes",
            "look at the ScaledObject's scalerAddress (keda-otel-scaler.<namespace>.svc:4318) and its events "
            "(kubectl describe scaledobject)",
        )


def _about(condition: Condition, runtime: Runtime) -> Iterator[Finding]:
    named = condition.named
    who = f"{named['namespace']}/{named['scaled_object']} ({named['query']})"
    decision = condition.decision
    if isinstance(decision, Refused):
        severity = Severity.INFO if decision.refusal is Refusal.UNAVAILABLE else Severity.ERROR
        what = f"{who} is told {decision.refusal.value}: {decision.text}"
        yield Finding(severity, what, _cure(condition, decision.refusal, runtime))
    elif not condition.fits:
        yield Finding(
            Severity.WARNING,
            f"{who} is told {decision.value:g}: no series fits its labels",
            "tallyd explain --url with this query shows the labels that there are",
        )
    for warning in condition.warnings:
        yield Finding(
            Severity.WARNING, f"{who}: {warning}", "look at the trigger's window and query"
        )


def _cure(condition: Condition, refusal: Refusal, runtime: Runtime) -> str:
    if refusal is Refusal.UNAVAILABLE:
        return "wait; a snapshot (extensions.snapshot) spares the wait after a restart"
    if refusal is Refusal.NOT_FOUND:
        near = names_like(condition.name or "", runtime.store.known_names())
        known = f"names like it: {', '.join(near)}" if near else "no name is like it"
        return (
            f"{known}; it may be dropped by a filter, or its sender does not report to this tallyd"
        )
    return "correct the trigger's metadata; tallyd explain shows how it is understood"


def _check_clocks(runtime: Runtime, _answers: Answers | None) -> Iterator[Finding]:
    offsets = runtime.store.clock_offsets_ms()
    if offsets:
        named = [f"{name} by {-ms / 1000:+g} s" for name, ms in offsets.items()]
        yield Finding(
            Severity.WARNING,
            f"clocks are off, their times are corrected: {_listed(named)}",
            "synchronise the clocks of those nodes (chrony, NTP)",
        )


def _check_identities(runtime: Runtime, _answers: Answers | None) -> Iterator[Finding]:
    twice = runtime.store.twice_connected()
    if twice:
        yield Finding(
            Severity.INFO,
            f"more than one open stream says to be: {_listed(twice)}",
            "a reconnect looks so for a moment; if it lasts, two processes have the same host name, pid and start time",
        )
    shared = runtime.store.counters["shared_labels"]
    if shared:
        yield Finding(
            Severity.WARNING,
            f"{shared} label sets came from two live senders at once; both got the label sender",
            "give each pod its own host.name or k8s.pod.name; hostNetwork pods of one node share theirs",
        )


def _check_limits(runtime: Runtime, _answers: Answers | None) -> Iterator[Finding]:
    counters = runtime.store.counters
    for what, setting in (
        ("series", "max_series (or max_series_per_metric)"),
        ("senders", "max_senders"),
        ("names", "max_known_names"),
    ):
        refused = counters[f"refused_{what}"]
        if refused:
            yield Finding(
                Severity.ERROR,
                f"{refused} {what} were refused by a limit; answers that lack them are UNAVAILABLE",
                f"filter what nobody scales by, or raise exporters.windows.{setting}; the log names the metric",
            )


def _check_memory(runtime: Runtime, _answers: Answers | None) -> Iterator[Finding]:
    short = runtime.details().get("memory")
    if short is not None:
        yield Finding(
            Severity.ERROR,
            f"memory is short: {short}",
            "filter what nobody scales by (the sender with most refused series first), or raise the container's limit",
        )


def _check_certificates(runtime: Runtime, _answers: Answers | None) -> Iterator[Finding]:
    renew = "renew it: the files are read again by themselves when they change"
    now_s = runtime.clock() / 1000
    for name, certificates in runtime.security.certificates.items():
        if certificates.problem is not None:
            yield Finding(
                Severity.WARNING,
                f"a certificate has changed and cannot be read, the old one stays: {certificates.problem}",
                "put certificate and key there that belong together, or look at who may read them",
            )
        left_days = (certificates.not_after_s - now_s) / DAY_S
        if left_days <= 0:
            yield Finding(Severity.ERROR, f"the certificate of {name} has expired", renew)
        elif left_days <= EXPIRES_SOON_DAYS:
            what = f"the certificate of {name} expires in {left_days:.1f} days"
            yield Finding(Severity.WARNING, what, renew)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMED
    return ", ".join(names[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


_CHECKS: Final[Sequence[Check]] = (
    _check_configuration,
    _check_senders,
    _check_targets,
    _check_pages,
    _check_filters,
    _check_triggers,
    _check_clocks,
    _check_identities,
    _check_limits,
    _check_memory,
    _check_certificates,
)
