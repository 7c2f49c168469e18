"""How commands are found, and how a failure is told: in words, with an exit code, no traceback."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import Any

import click

from copdns.model.errors import CopdnsError, exit_code


class Commands(MutableMapping[str, click.Command]):
    """Commands by name, each imported when it is looked at."""

    def __init__(self, names: Sequence[str], load: Callable[[str], click.Command]) -> None:
        self._load = load
        self._found: dict[str, click.Command | None] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> click.Command:
        found = self._found[name]
        if found is None:
            found = self._found[name] = self._load(name)
        return found

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._found[name] = command

    def __delitem__(self, name: str) -> None:
        del self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


_WORDS = f"{__name__}.words"  # where a context keeps all words of the command line


def _hint(words: Sequence[str]) -> str:
    """Return what to do when a name was taken for an option; "" when no word looks like one."""
    names = [word for word in words if word[:1] == "-" and "." in word and "=" not in word]
    return f" Put a domain that begins with a hyphen last, after --: -- {names[0]}" if names else ""


class TellingGroup(click.Group):
    """The outermost group: what was raised on purpose below it is told, and ends the program."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_WORDS] = tuple(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.NoSuchOption as error:
            if not (hint := _hint(ctx.meta[_WORDS])):
                raise
            raise click.UsageError(f"{error.format_message()}{hint}", error.ctx) from None
        except CopdnsError as error:
            click.echo(str(error), err=True)
            ctx.exit(exit_code(error))
