"""Alerts: rules (pure), their rendering to PromQL (pure), the engine that keeps their state, and the notifiers."""
