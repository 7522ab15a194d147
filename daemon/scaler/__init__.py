"""KEDA's ExternalScaler: what is asked (metadata), what is answered (decision), when to push (activity), gRPC (service)."""
