"""The snapshot: what is remembered outlives the process (DESIGN 2, keda.md 4.4)."""
