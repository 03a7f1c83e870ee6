"""Dashboards, rules and provisioning: data, shipped with the package."""
