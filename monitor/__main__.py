"""`python -m monitor` is `eda-monitor`."""

from monitor.cli import main

main()
