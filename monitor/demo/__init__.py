"""The demo: real services on free local ports, and traffic that goes wrong. The tests use the same launcher."""
