"""Azure Event Grid: its figures, and the dead letters that it writes to Blob Storage."""

from collectors.eventgrid.collector import EventGridCollector

__all__ = ["EventGridCollector"]
