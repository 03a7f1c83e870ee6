"""The service: agent, store, exporter, alerts and console."""
