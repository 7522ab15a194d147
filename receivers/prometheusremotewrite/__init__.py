"""Prometheus remote write 1.0: request bodies to batches (promql.md 6); the HTTP API hands the bodies in."""
