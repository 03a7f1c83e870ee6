"""Handlers of events: one line measures them in their own process, and a collector reads what they expose."""
