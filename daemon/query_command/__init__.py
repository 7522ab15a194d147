"""`tallyd query`: asks a running tallyd, or any Prometheus, through its HTTP API."""
