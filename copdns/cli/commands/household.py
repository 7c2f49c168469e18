"""`copdns household`: the household as one file, its settings, and its audit log."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click

from copdns.as_json.household import (
    device_json,
    profile_json,
    rewrite_json,
    rule_json,
    running_pause,
)
from copdns.as_json.plain import plain, utc
from copdns.as_json.times import times_json
from copdns.cli.base import NAME, json_option, not_text_message, read_text
from copdns.cli.home import AUTHOR, Home, pass_home
from copdns.cli.move_in import move_in
from copdns.cli.output import local_text, print_json, print_listing, print_pairs, printable
from copdns.cli.params import complete_profile, number_option
from copdns.household.check import find_vain_protections
from copdns.household.edits import replace_household, set_household
from copdns.household.file import dump, parse
from copdns.model.errors import ConfigError, HouseholdError, StoreError
from copdns.model.household import Household
from copdns.model.scripts import shown_name
from copdns.model.sentences import literal
from copdns.model.violations import no_such
from copdns.store.household_db import condition
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.notes import REPAIRED, TAKEN

STDIO = "-"


@click.group()
def household() -> None:
    """Show, export, import and change the household."""


@household.command()
@json_option
@pass_home
def show(home: Home, as_json: bool) -> None:
    """Show an overview of the household.

    \b
    Example:  copdns household show
    """
    found = home.household
    if as_json:
        print_json(_household_json(home))
        return
    print_pairs(
        [
            ("household", f"{found.name} ({found.id})"),
            ("time zone", found.timezone),
            ("unknown devices", f"as {found.guest}" if found.guest else "the built-in guest rules"),
            ("protected domains", _protected_text(home)),
            ("language", found.language),
            ("country", found.country),
            ("confirmed helplines", ", ".join(found.helplines)),
            ("people", ", ".join(f"{each.name} ({each.band})" for each in found.profiles)),
            ("devices", str(len(found.devices))),
            ("rules", str(len(found.rules))),
            ("custom services", ", ".join(each.slug for each in found.services)),
            ("local names", ", ".join(shown_name(each.key) for each in found.local_names)),
            ("rewrites", ", ".join(shown_name(each.matcher) for each in found.rewrites)),
            ("split upstreams", ", ".join(each.key for each in found.split_upstreams)),
            ("schedules", ", ".join(each.id for each in found.schedules)),
            ("daily limits", ", ".join(each.id for each in found.budgets)),
            ("paused", ", ".join(_paused_profiles(found, home.now))),
            ("changes so far", str(found.revision)),
        ]
    )


def _protected_text(home: Home) -> str:
    """Return what the household protects, and which of it has no effect."""
    found = home.household
    in_vain = find_vain_protections(found, home.known_ids) if found.protected else ()
    return ", ".join(
        f"{each} (no effect: {home.known_ids.key(each)})" if each in in_vain else each
        for each in found.protected
    )


def _paused_profiles(household: Household, now: float) -> Iterator[str]:
    for each in household.profiles:
        if running_pause(household, each.id, now):
            yield each.id


def _household_json(home: Home) -> dict[str, object]:
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
        "rewrites": [rewrite_json(each) for each in found.rewrites],
        "split_upstreams": plain(found.split_upstreams),
        **times_json(found),
    }


@household.command("import")
@click.argument("file", metavar="FILE")
@pass_home
def import_(home: Home, file: str) -> None:
    """Replace the household with FILE; - is stdin.

    People, devices and everything else that is not in FILE are removed. The log and the audit log
    stay, and so do pauses, temporary access, bonus minutes and tickets of people who stay. A file
    with an error changes nothing. Lower age groups and full logs are announced first, as always.

    \b
    Example:  copdns household import household.yaml
    """
    name = "stdin" if file == STDIO else file
    text = _read_stdin() if file == STDIO else read_text(Path(file), "choose a household file")
    held = home.household.budgets if home.is_stored else ()
    found = parse(text, name, home.known_ids, held)
    if home.is_stored:
        home.change(f"imported from {name}", partial(replace_household, found=found))
    else:
        home.create(found)
    for each in find_vain_protections(found, home.known_ids):
        click.echo(printable(f"{each}: protecting it has no effect (docs/household.md)"), err=True)


def _read_stdin() -> str:
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise ConfigError(not_text_message("stdin")) from None


@household.command()
@click.argument("file", metavar="FILE", default=STDIO)
@pass_home
def export(home: Home, file: str) -> None:
    """Write the household to FILE; - is stdout.

    `import` reads it back. It contains people, devices and rules, but no queries. Only its owner
    can read FILE.

    \b
    Example:  copdns household export household.yaml
    """
    text = dump(home.household)
    if file == STDIO:
        click.echo(text.encode(), nl=False)  # UTF-8 as in a file, in any locale
    else:
        _write(Path(file), text)


def _write(path: Path, text: str) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise HouseholdError(literal(f"{path}: {error.strerror}; choose another file")) from error


@household.command("set")
@click.option("--name", metavar="TEXT", help="The household's name.")
@click.option("--timezone", metavar="ZONE", help="Its time zone, such as Europe/Paris.")
@click.option(
    "--language", metavar="CODE", help="For notices and print, such as fr; `none` for no language."
)
@click.option(
    "--country",
    metavar="CODE",
    help="Whose helplines are shown: two letters, such as FR; `none` for no country.",
)
@click.option(
    "--guest",
    metavar="ID",
    shell_complete=complete_profile,
    help="The profile of unknown devices; `none` for the built-in guest rules.",
)
@click.option(
    "--protect",
    metavar="NAME",
    type=NAME,
    multiple=True,
    help="A domain such as the school's, with its subdomains: no list, service or bypass "
    "prevention blocks it. All guardians are told. Can be repeated.",
)
@click.option(
    "--unprotect", metavar="NAME", type=NAME, multiple=True, help="Stop protecting a domain."
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
    """Change settings of the whole household.

    \b
    Example:  copdns household set --timezone Europe/Paris --protect school.example
    """
    empty = {"language": language, "country": country, "guest": guest}
    options = {"name": name, "timezone": timezone} | {
        key: "" if value == "none" else value for key, value in empty.items()
    }
    values = {key: value for key, value in options.items() if value is not None}
    if not (values or protect or unprotect):
        raise click.UsageError("nothing to set: give at least one option")

    known = home.known_ids

    def edit(before: Household) -> Household:
        missing = [each for each in unprotect if each not in before.protected]
        if missing:
            raise HouseholdError(no_such("protected name", missing[0], before.protected))
        stays = (each for each in before.protected if each not in unprotect)
        return set_household(before, known, protected=(*stays, *protect), **values)

    changes = [f"{key} {value or 'none'}" for key, value in values.items()]
    changes += [f"protect {each}" for each in protect] + [f"unprotect {each}" for each in unprotect]
    home.change(f"household set: {', '.join(changes)}", edit)


@household.command()
@number_option("--limit", 1, 100_000, 20, "How many changes to show at most.")
@json_option
@pass_home
def history(home: Home, limit: int, as_json: bool) -> None:
    """Show who changed what, newest last.

    \b
    Example:  copdns household history --limit 5
    """
    print_listing(
        home.changes(limit),
        as_json,
        lambda e: {"revision": e.revision, "at": utc(e.at), "author": e.author, "what": e.what},
        ("change", "when", "who", "what"),
        lambda e: (str(e.revision), local_text(e.at, home.household.timezone), e.author, e.what),
    )


@household.command()
@click.option(
    "--take-file",
    is_flag=True,
    help="Use household.db as it is, although it is not what was saved last.",
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@pass_home
def repair(home: Home, take_file: bool, yes: bool) -> None:
    """Make a new household.db from the copy of a damaged one.

    While household.db is damaged, missing, older or another one, copdns works with the copy, which
    has everything that was saved. The damaged file is kept for a week. It works while copdns runs.
    With --take-file, what is in the copy is deleted instead: use it if you put that file there.

    \b
    Example:  copdns household repair
    """
    if take_file and not yes:
        click.confirm("Delete the copy, and use household.db as it is?", abort=True)
    aside = _repair(home, take_file=take_file)
    click.echo("household.db is used as it is" if take_file else "a new household.db is made")
    if aside is not None:
        click.echo(printable(f"damaged file: {aside}, kept for a week"))


def _repair(home: Home, *, take_file: bool) -> Path | None:
    """Make a new `household.db`; return where the damaged one is now, None for nowhere.

    take_file: use the file as it is, in place of its copy.  Raises StoreError.
    """
    if home.is_providers:
        raise StoreError("the household is in PostgreSQL; no file here can be made anew")
    aside = None if take_file else condition.repair(home.folder)
    if take_file:
        condition.take_file(home.folder)

    async def note(store: HouseholdStore) -> None:
        for each in await store.households():
            await store.note(each, AUTHOR, TAKEN if take_file else REPAIRED, home.now)

    home.with_store(note)
    return aside


household.add_command(move_in)


@household.command()
@click.option("--new", is_flag=True, help="Make another one; the former one is worth nothing then.")
@json_option
@pass_home
def code(home: Home, new: bool, as_json: bool) -> None:
    """Show the code for this household's pages at a provider.

    \b
    Example:  copdns household code
    """
    made = home.family_code(anew=new)
    if as_json:
        print_json({"code": made})
    else:
        click.echo(made)
