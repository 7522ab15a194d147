"""The Prometheus receiver: pages of metrics that are fetched, in the text format or OpenMetrics."""
