"""Azure Event Grid: its figures, and the dead letters that it writes to Blob Storage."""
