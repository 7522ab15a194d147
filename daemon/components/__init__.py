"""From settings to running components: one module for each kind. Imported by `daemon.app` alone."""
