"""The page for Prometheus to scrape: what was reported last of every series (otlp.md 5.4)."""
