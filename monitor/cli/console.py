"""`eda-monitor console`: serve it, and make the lines of its password file."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from monitor import config as configuration
from monitor.cli.options import ConfigOption
from monitor.passwords import hashed, written
from monitor.service import ServiceError, serve_console

#: What is shorter is guessed.
PASSWORD_LETTERS = 8

app = typer.Typer(help="Serve the console over the store of a running agent.")


@app.callback(invoke_without_command=True)
def console(context: typer.Context, config: ConfigOption = None) -> None:
    """Serve the console over the store of a running agent."""
    if context.invoked_subcommand is None:
        raise SystemExit(serve_console(configuration.load(config)))


@app.command()
def password(user: Annotated[str, typer.Argument(help="Name of the user.")]) -> None:
    """Print the line of a user for the file of `console.auth.password_file`. Asks for the password, or reads it."""
    if sys.stdin.isatty():
        told = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        told = sys.stdin.readline().rstrip("\n")
    if len(told) < PASSWORD_LETTERS:
        raise ServiceError(f"password: it is too short; expected {PASSWORD_LETTERS} characters or more")
    try:
        print(written(user, hashed(told)))
    except ValueError as error:
        raise ServiceError(str(error)) from None
