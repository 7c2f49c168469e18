"""How commands are found, and how failures are printed: a text and an exit code, no traceback."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import Any

import click

from copdns.model.errors import CopdnsError, exit_code


class LazyCommands(MutableMapping[str, click.Command]):
    """Commands by name, each imported when it is first looked up."""

    def __init__(self, names: Sequence[str], load: Callable[[str], click.Command]) -> None:
        self._load = load
        self._command_by_name: dict[str, click.Command | None] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> click.Command:
        command = self._command_by_name[name]
        if command is None:
            command = self._command_by_name[name] = self._load(name)
        return command

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._command_by_name[name] = command

    def __delitem__(self, name: str) -> None:
        del self._command_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._command_by_name)

    def __len__(self) -> int:
        return len(self._command_by_name)


_ARGUMENTS = f"{__name__}.words"  # key of `Context.meta` for all arguments of the command line


def _hint(words: Sequence[str]) -> str:
    """Return what to do when a domain was taken for an option; "" where none looks like one."""
    names = [word for word in words if word[:1] == "-" and "." in word and "=" not in word]
    return f" Put a domain that begins with a hyphen last, after --: -- {names[0]}" if names else ""


class ErrorReportingGroup(click.Group):
    """The outermost group: prints a CopdnsError raised below it, and exits with its code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the arguments as they were typed, for hints."""
        ctx.meta[_ARGUMENTS] = tuple(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; tell an error of ours in a line, with its exit code."""
        try:
            return super().invoke(ctx)
        except click.NoSuchOption as error:
            if not (hint := _hint(ctx.meta[_ARGUMENTS])):
                raise
            raise click.UsageError(f"{error.format_message()}{hint}", error.ctx) from None
        except CopdnsError as error:
            click.echo(str(error), err=True)
            ctx.exit(exit_code(error))
