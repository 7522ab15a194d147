"""What `tallyd explain --help` says; imports nothing, so that it answers at once."""

from __future__ import annotations

ABOUT = """\
Play a recorded session of real sidecars through a configuration, in this process
and without sockets, and show: each metric, kept or dropped and by which condition;
what was understood of a metricQuery; the series and their parts of the answer; what
KEDA would be told. Without METRIC_QUERY: the question of the Dapr walk-through.
With --url: how a tallyd that runs comes to its answer, by its HTTP API. With --ask:
put the question to a tallyd that runs, as KEDA would.
"""
JSON_KEYS = """\
Times are Unix milliseconds, lengths of time seconds. null stands for what does not
apply. Keys are only ever added.

  configuration  which file, or the built-in one
  session        name, begin_ms, end_ms, reports, senders, irregularities
                 (reason -> number), refusals
  metrics        one object for each metric of the last report: name, type,
                 stored_as (the names for queries), kept, series, kept_series;
                 if dropped: dropped_by with processor, condition, path, line
                 and column
  query          text (as written), dialect, read_as (promql or otel),
                 understood, applied (with operationOverTime),
                 operation_over_time, window_s, target, clamp_min, clamp_max,
                 activation
  series         what matched: labels, sender, live, warming, value (after
                 operationOverTime), part (of the result)
  answer         at_ms, name (that was looked up), known, window_start_ms and
                 window_end_ms (the window is (start, end]), raw_value, sigma
                 (one standard deviation), value (after the evidence rule);
                 null if the question was refused
  told           value (after clamping and rounding down), metric_value and
                 metric_value_float (both forms of the wire), active; null if
                 KEDA gets an error
  refused        status and text of that error, or null
  history        at_ms, value and status after each report: value is null where
                 KEDA would have got an error, status (null otherwise) says
                 which: "settling" is UNAVAILABLE by exporters.windows.settle_for
                 of a tallyd that starts with the session
  why            why no series took part, as sentences
  warnings       what the asker should know although there is an answer

With --url: query, series (the 1,000 with the largest parts), answer, told, refused
and warnings are as above, and

  at_ms          when it was asked
  metadata       the trigger's keys, those of a named query included
  left_out       series that matched beyond those in series
"""
EPILOG = f"""\
exit codes: 0 explained, even if KEDA would get an error (--check: 1 then), 1 a
mistake in the question or nobody answers, 2 bad configuration or wrong arguments

keys of --json

{JSON_KEYS}"""
