"""Traffic that goes wrong, a module a broker."""
