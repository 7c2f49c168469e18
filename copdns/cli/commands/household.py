"""`copdns household`: the whole family as one file, in and out, and what concerns all of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click

from copdns.as_json.household import device_json, profile_json, rule_json, running_pause
from copdns.as_json.plain import plain, utc
from copdns.as_json.times import times_json
from copdns.cli.base import NAME, json_option, read_text
from copdns.cli.home import Home, pass_home
from copdns.cli.output import local, pairs, print_json, table
from copdns.cli.params import complete_profile
from copdns.household.check import no_such
from copdns.household.edits import replaced, set_household
from copdns.household.file import dump, parse
from copdns.model.errors import ConfigError, HouseholdError
from copdns.model.household import Household
from copdns.model.sentences import literal

STDIO = "-"


@click.group()
def household() -> None:
    """See, save and replace the whole household."""


@household.command()
@json_option
@pass_home
def show(home: Home, as_json: bool) -> None:
    """Show the household at a glance.

    \b
    Example:  copdns household show
    """
    found = home.household
    if as_json:
        print_json(_as_json(home))
        return
    pairs(
        [
            ("household", f"{found.name} ({found.id})"),
            ("time zone", found.timezone),
            ("unknown devices", f"as {found.guest}" if found.guest else "the built-in guest rules"),
            ("protected here", ", ".join(found.protected)),
            ("language", found.language),
            ("country", found.country),
            ("helplines vouched for", ", ".join(found.helplines)),
            ("people", ", ".join(f"{each.name} ({each.band})" for each in found.profiles)),
            ("devices", str(len(found.devices))),
            ("rules", str(len(found.rules))),
            ("own services", ", ".join(each.slug for each in found.services)),
            ("local names", ", ".join(each.name for each in found.local_names)),
            ("rewrites", ", ".join(str(each.matcher) for each in found.rewrites)),
            ("split upstreams", ", ".join(each.name for each in found.split_upstreams)),
            ("schedules", ", ".join(each.id for each in found.schedules)),
            ("budgets", ", ".join(each.id for each in found.budgets)),
            ("paused", ", ".join(_paused(found, home.now))),
            ("changes so far", str(found.revision)),
        ]
    )


def _paused(household: Household, now: float) -> Iterator[str]:
    for each in household.profiles:
        if running_pause(household, each.id, now):
            yield each.id


def _as_json(home: Home) -> dict[str, object]:
    found = home.household
    return {
        "id": found.id,
        "name": found.name,
        "timezone": found.timezone,
        "guest": found.guest,
        "protected": list(found.protected),
        "language": found.language,
        "country": found.country,
        "helplines": list(found.helplines),
        "revision": found.revision,
        "profiles": [profile_json(each, found, home.now) for each in found.profiles],
        "devices": [device_json(each) for each in found.devices],
        "rules": [rule_json(each) for each in found.rules],
        "services": plain(found.services),
        "local_names": plain(found.local_names),
        "rewrites": [{"name": str(e.matcher), "target": e.target} for e in found.rewrites],
        "split_upstreams": plain(found.split_upstreams),
        **times_json(found),
    }


@household.command("import")
@click.argument("file", metavar="FILE")
@pass_home
def import_(home: Home, file: str) -> None:
    """Replace the household by a FILE; - is stdin.

    Who or what is not in the file is gone.  What was logged and who changed what stays, and so do
    pauses, permissions, bonuses and tickets of people who stay.  A file with a mistake changes
    nothing.  A lower age band and a full log keep to their announcement, as always.

    \b
    Example:  copdns household import household.yaml
    """
    name = "stdin" if file == STDIO else file
    text = _stdin() if file == STDIO else read_text(Path(file), "name a household file")
    found = parse(text, name, home.known)
    if home.is_stored:
        home.change(f"imported from {name}", partial(replaced, found=found))
    else:
        home.create(found)


def _stdin() -> str:
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise ConfigError("stdin: is no text; save it as UTF-8") from None


@household.command()
@click.argument("file", metavar="FILE", default=STDIO)
@pass_home
def export(home: Home, file: str) -> None:
    """Write the household to a FILE; - is stdout.

    `import` takes it back.  It holds people, devices and rules, and nothing that anybody looked up.
    A FILE can be read by its owner only.

    \b
    Example:  copdns household export household.yaml
    """
    text = dump(home.household)
    if file == STDIO:
        click.echo(text.encode(), nl=False)  # UTF-8 as in a file, whatever the terminal speaks
    else:
        _write(Path(file), text)


def _write(path: Path, text: str) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise HouseholdError(literal(f"{path}: {error.strerror}; name another file")) from error


@household.command("set")
@click.option("--name", metavar="TEXT", help="What the household is called.")
@click.option("--timezone", metavar="ZONE", help="Its time zone, such as Europe/Paris.")
@click.option(
    "--language", metavar="CODE", help="For notices and print, such as fr; `none` for no one."
)
@click.option(
    "--country",
    metavar="CODE",
    help="Whose helplines are shown, in two letters, such as FR; `none` for no country.",
)
@click.option(
    "--guest",
    metavar="ID",
    shell_complete=complete_profile,
    help="The profile of devices that nobody named; `none` is the built-in guest rules.",
)
@click.option(
    "--protect",
    metavar="NAME",
    type=NAME,
    multiple=True,
    help="A name that nothing here may block, with all below it, such as the school's.",
)
@click.option(
    "--unprotect", metavar="NAME", type=NAME, multiple=True, help="Protect a name no more."
)
@pass_home
def set_(
    home: Home,
    name: str | None,
    timezone: str | None,
    language: str | None,
    country: str | None,
    guest: str | None,
    protect: tuple[str, ...],
    unprotect: tuple[str, ...],
) -> None:
    """Change what concerns the whole household.

    \b
    Example:  copdns household set --timezone Europe/Paris --protect school.example
    """
    empty = {"language": language, "country": country, "guest": guest}
    given = {"name": name, "timezone": timezone} | {
        key: "" if value == "none" else value for key, value in empty.items()
    }
    values = {key: value for key, value in given.items() if value is not None}
    if not (values or protect or unprotect):
        raise click.UsageError("nothing to set: name at least one option")

    def edit(before: Household) -> Household:
        missing = [each for each in unprotect if each not in before.protected]
        if missing:
            raise HouseholdError(no_such("protected name", missing[0], before.protected))
        kept = (each for each in before.protected if each not in unprotect)
        return set_household(before, protected=(*kept, *protect), **values)

    said = [f"{key} {value or 'none'}" for key, value in values.items()]
    said += [f"protect {each}" for each in protect] + [f"unprotect {each}" for each in unprotect]
    home.change(f"household set: {', '.join(said)}", edit)


@household.command()
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(1, 100_000),
    default=20,
    help="How many changes to show at most; 20 by default.",
)
@json_option
@pass_home
def history(home: Home, limit: int, as_json: bool) -> None:
    """Show who changed what, the newest last.

    \b
    Example:  copdns household history --limit 5
    """
    found = home.changes(limit)
    if as_json:
        print_json(
            [
                {"revision": e.revision, "at": utc(e.at), "author": e.author, "what": e.what}
                for e in found
            ]
        )
        return
    zone = home.household.timezone
    rows = [(str(e.revision), local(e.at, zone), e.author, e.what) for e in found]
    table(("change", "when", "who", "what"), rows)
