"""HTTP: health checks and self-metrics. May import `daemon.config` and `daemon.telemetry`."""
