"""Runs scripts in the form of Prometheus' own `.test` files (promql.md 4.4); `python -m tests.support.promtest -h`."""
