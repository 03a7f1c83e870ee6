"""Dashboards and rules in a Grafana that runs: planned, imported, asked for data, pruned. Over its HTTP API."""
