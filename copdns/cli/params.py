"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from copdns.cli.base import Options
from copdns.errors import CopdnsError

AnyCommand = TypeVar("AnyCommand", bound=Callable[..., Any])


def complete_profile(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the profiles that begin as typed; none where they cannot be read."""
    from copdns.cli.home import Home

    outermost = context.find_root().params
    try:
        household = Home(Options(outermost.get("file"), outermost.get("data")).settings()).household
    except CopdnsError:
        return []
    return [
        CompletionItem(each.id, help=each.name)
        for each in household.profiles
        if each.id.startswith(incomplete)
    ]


def profile_option(about: str) -> Callable[[AnyCommand], AnyCommand]:
    return click.option(
        "--profile", metavar="ID", default="", help=about, shell_complete=complete_profile
    )


def profile_argument(command: AnyCommand) -> AnyCommand:
    return click.argument("profile", metavar="ID", shell_complete=complete_profile)(command)
