"""A Source over any HTTP API that speaks as Prometheus does, filled from the `/metrics` of agents.

`api` asks, `readings` and `counted` turn samples back into what the agents read, `source` answers the pages.
"""
