"""`copdns provider`: what a provider has beside its households."""

from __future__ import annotations

from importlib import import_module

import click

from copdns.cli.group import LazyCommands

# In the order of the help; each is a module of `cli/provider/`, with a command of its name.
_SUBJECTS = (
    *("law", "security", "preserve", "desk", "statement", "report", "verify"),
    *("rollout", "family"),
    *("staff", "tenant", "operator", "keys", "roles", "serve", "welcome"),
)
_MODULES = {"report": "statement", "verify": "statement"}


def _load(name: str) -> click.Command:
    command = getattr(import_module(f"copdns.cli.provider.{_MODULES.get(name, name)}"), name)
    assert isinstance(command, click.Command)
    return command


@click.group(commands=LazyCommands(_SUBJECTS, _load))
def provider() -> None:
    """Keep a provider's register (many households)."""
