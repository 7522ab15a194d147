"""The command line: which command, which configuration, which exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.arguments import (
    add_config_argument,
    add_demo_arguments,
    add_doctor_arguments,
    add_explain_arguments,
    add_policy_arguments,
    add_query_arguments,
)
from daemon.config.errors import InvalidConfigurationError
from daemon.explain.help import ABOUT, EPILOG

if TYPE_CHECKING:
    from daemon.config.load import LoadedConfig

# What a command needs is imported inside it: --help and --version answer at once.

OK, FAILED, BAD_CONFIGURATION = 0, 1, 2
_TIMES = ("--at", "--range")

_ABOUT = """\
tallyd receives the metrics that Dapr sidecars and others push and answers KEDA's scaling
questions from them: one process instead of a collector and a scaler add-on.
"""
_EXAMPLES = """\
examples:
  tallyd run                          start with the built-in configuration
  tallyd run --config tallyd.yaml     start with yours
  tallyd validate --config tallyd.yaml && echo good
                                      check it, every mistake with line and column
  tallyd explain --config tallyd.yaml 'sum(runtime_service_invocation_req_recv_total)'
                                      what it keeps, and how that answer comes about
  tallyd explain --ask localhost:4318 'sum(runtime_service_invocation_req_recv_total)'
                                      what a running tallyd would tell KEDA
  tallyd explain --url http://localhost:9090 'sum(runtime_service_invocation_req_recv_total)'
                                      how a running tallyd comes to its answer
  tallyd demo                         half a minute of recorded sidecars, drawn
  tallyd query 'sum(rate(runtime_service_invocation_req_recv_total[1m]))'
                                      ask the one that runs
  tallyd doctor                       what is wrong with it, and what to do
  tallyd policy | kubectl apply -f -  let Kubernetes refuse triggers that tallyd would refuse

Without --config: receivers on 55678 (OpenCensus), 4317 and 4319 (OTLP over gRPC and
HTTP), KEDA scaler on 4318, HTTP API on 9090, health on 13133, self-metrics on 8888.
config.example.yaml explains every setting.

exit codes: 0 ok, 1 failed, 2 bad configuration or wrong arguments
"""
_RUN = """\
Listen, remember, answer. Nothing listens before the whole configuration is
known to be good. The file is read again when it changes and at SIGHUP; if it is
wrong then, nothing changes. SIGTERM or Ctrl-C ends it within two seconds.
"""
_VALIDATE = """\
Check a configuration without starting anything: all mistakes at once, each as
file:line:column: where: what was expected. Environment variables are read.
"""
_DEMO = """\
Start tallyd on free ports, play a recorded sidecar into it over real gRPC, faster
than real time, ask it as KEDA would and draw what an autoscaler would choose.
Without --config: with the filter of the Dapr walk-through. With --target: be that
sidecar for a tallyd that runs elsewhere, in real time, until Ctrl-C.
"""
_QUERY = """\
Ask a running tallyd, or any Prometheus, and show the answer: a table, charts for a
--range, or the JSON itself. Times are Unix seconds, RFC 3339, now, or before now:
--at -30s, --range -5m,now,15s.
"""
_DOCTOR = """\
Ask a running tallyd what is wrong and what to do: no sender yet, a filter that drops
everything, a query that matches nothing and the names like it, a window shorter than two
reports, clocks that are off, two senders with one identity, limits that were reached, a
reload that failed, certificates that expire. Exit code 1 if answers are missing or wrong.
"""
_POLICY = """\
Print an admission policy (ValidatingAdmissionPolicy, Kubernetes 1.30 and newer): triggers of
ScaledObjects and ScaledJobs that tallyd would refuse are refused when they are applied, and
metadata keys that it does not know are warned of. It is made from the grammar that tallyd reads by.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code; wrong arguments exit with 2."""
    args = _parser().parse_args(_joined(sys.argv[1:] if argv is None else argv))
    try:
        code: int = args.command(args)
        sys.stdout.flush()
    except InvalidConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return BAD_CONFIGURATION
    except BrokenPipeError:
        # Whoever reads has seen enough (`| head`); the interpreter must not write the rest at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        sys.stderr.write(f"tallyd {args.name}: {_reason(error)}\n")
        return FAILED
    return code


def _joined(argv: Sequence[str]) -> list[str]:
    """Return the arguments with `--at -30s` as `--at=-30s`: argparse takes a value with a minus for an option."""
    joined: list[str] = []
    for argument in argv:
        if joined and joined[-1] in _TIMES and argument[:1] == "-" and argument[1:2].isdigit():
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def load(args: argparse.Namespace) -> LoadedConfig:
    """Return the configuration that the arguments name.

    Raises:
        InvalidConfigurationError: it cannot be read or is wrong.
    """
    from daemon.check import load_checked  # noqa: PLC0415

    return load_checked(args.config, os.environ)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tallyd",
        description=_ABOUT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tallyd {version('tallyd')}")
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="name", required=True
    )
    _add_command(commands, "run", "start the daemon", _RUN, _run)
    _add_command(commands, "validate", "check a configuration", _VALIDATE, _validate)
    add_explain_arguments(
        _add_command(
            commands, "explain", "show how an answer comes about", ABOUT, _explain, epilog=EPILOG
        )
    )
    add_demo_arguments(
        _add_command(commands, "demo", "play recorded sidecars and watch", _DEMO, _demo)
    )
    query = _add_command(
        commands, "query", "ask a running tallyd", _QUERY, _query, configured=False
    )
    add_query_arguments(query)
    doctor = _add_command(
        commands, "doctor", "ask a running tallyd what is wrong", _DOCTOR, _doctor, configured=False
    )
    add_doctor_arguments(doctor)
    policy = _add_command(
        commands, "policy", "print an admission policy", _POLICY, _policy, configured=False
    )
    add_policy_arguments(policy)
    return parser


def _add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    description: str,
    command: Callable[[argparse.Namespace], int],
    *,
    epilog: str | None = None,
    configured: bool = True,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if configured:
        add_config_argument(parser)
    parser.set_defaults(command=command)
    return parser


def _run(args: argparse.Namespace) -> int:
    # What grpc has to say about a port that is taken is said better, and in the log's own form.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from daemon.memory import leave_out_unused  # noqa: PLC0415

    leave_out_unused()
    loaded = load(args)
    from daemon.config.ports import grpc_environment  # noqa: PLC0415

    os.environ.update(grpc_environment(loaded.config))
    import asyncio  # noqa: PLC0415

    from daemon.process import run  # noqa: PLC0415

    asyncio.run(run(loaded, args.config, lambda: load(args)))
    return OK


def _validate(args: argparse.Namespace) -> int:
    loaded = load(args)
    for warning in loaded.warnings:
        sys.stderr.write(f"{warning} (warning)\n")
    sys.stdout.write(_summary(args.config, loaded))
    return OK


def _demo(args: argparse.Namespace) -> int:
    from daemon.demo.command import run_demo  # noqa: PLC0415

    return run_demo(args)


def _explain(args: argparse.Namespace) -> int:
    if args.url is not None:
        from daemon.explain.over_http import run_over_http  # noqa: PLC0415

        return run_over_http(args)
    if args.ask is not None and args.json:
        sys.stderr.write("tallyd explain: --json goes with --url, not with --ask\n")
        return BAD_CONFIGURATION
    if args.ask is not None:
        from daemon.explain.running import run_ask  # noqa: PLC0415

        return run_ask(args)
    from daemon.explain.command import run_explain  # noqa: PLC0415

    return run_explain(args, load(args))


def _query(args: argparse.Namespace) -> int:
    from daemon.query_command.command import run_query  # noqa: PLC0415

    return run_query(args)


def _doctor(args: argparse.Namespace) -> int:
    from daemon.doctor_command import run_doctor  # noqa: PLC0415

    return run_doctor(args)


def _policy(args: argparse.Namespace) -> int:
    from daemon.scaler.policy import policy_yaml  # noqa: PLC0415

    sys.stdout.write(policy_yaml(args.service))
    return OK


def _summary(path: Path | None, loaded: LoadedConfig) -> str:
    service = loaded.config.service
    lines = [f"{path or 'built-in configuration'}: good"]
    for name, pipeline in service.pipelines.items():
        parts = (pipeline.receivers, pipeline.processors, pipeline.exporters)
        lines.append(f"  {name}: " + " -> ".join(", ".join(part) for part in parts if part))
    lines.append(f"  extensions: {', '.join(service.extensions) or 'none'}")
    return "\n".join(lines) + "\n"


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
