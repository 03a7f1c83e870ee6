"""The command line: `app`, and `main` that runs it. A file a group of commands.

Exit codes: 0 fine, 1 what was asked for is not so, 2 the command or the configuration is wrong.
"""

from monitor.cli.commands import app, main

__all__ = ["app", "main"]
