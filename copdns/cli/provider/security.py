"""`copdns provider security`: what is blocked as dangerous, for all subscribers."""

from __future__ import annotations

from pathlib import Path

import click

from copdns.as_json.plain import utc
from copdns.cli.base import json_option, read_text
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, print_table
from copdns.cli.provider.open_register import (
    as_option,
    checksum_of,
    load_register,
    number_argument,
    special_names,
    why_option,
    write_as_console,
    write_as_staff,
)
from copdns.provider.law import edits
from copdns.provider.law.edits import DAY
from copdns.provider.law.events import FeedTaken, HandLayer, NameAdded
from copdns.provider.law.register_json import security_json


@click.group()
def security() -> None:
    """Keep the security layer: versions of feeds, and names by hand."""


@security.command("list")
@json_option
@pass_home
def list_(home: Home, as_json: bool) -> None:
    """List the feeds in force with their versions, and names that were added by hand.

    \b
    Example:  copdns provider security list
    """
    register = load_register(home)
    if as_json:
        print_json(security_json(register, home.now))
        return
    print_table(
        ("feed", "version", "names", "since", "source"),
        [
            (slug, each.version, str(each.names), utc(taken[-1].at) or "", each.source)
            for slug, taken in register.feeds.items()
            for each in [taken[-1].taken]
        ],
    )
    click.echo("")
    print_table(
        ("number", "layer", "name", "state", "until", "why"),
        [
            (
                str(each.number),
                str(each.added.layer),
                each.added.name,
                str(each.state(home.now)),
                utc(each.added.ends) or "",
                each.added.why,
            )
            for each in register.by_hand.values()
        ],
    )


@security.command()
@click.argument("slug", metavar="FEED")
@click.option("--source", metavar="URL", required=True, help="Where its maintainer publishes it.")
@click.option("--version", metavar="TEXT", required=True, help="As the maintainer numbers it.")
@click.option(
    "--file",
    "file",
    metavar="FILE",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file of this version; its checksum and its number of lines are kept.",
)
@pass_home
def accept(home: Home, slug: str, source: str, version: str, file: Path) -> None:
    """Note which version of a feed comes into force.

    \b
    Example:  copdns provider security accept phishing --source https://feed.example/list
              --version 2026-11-28 --file phishing.txt
    """
    lines = read_text(file, "name the file of the feed").splitlines()
    names = sum(bool(each.strip()) and not each.startswith("#") for each in lines)
    new = FeedTaken(slug, source, version, checksum_of(file), names)
    write_as_console(home, lambda register: edits.take_feed(register, new))
    click.echo(f"{slug}: version {version}, {names} names")


@security.command()
@click.argument("name", metavar="NAME")
@click.option(
    "--anchor",
    is_flag=True,
    help="The domain's signatures are broken: answer it without validation.",
)
@click.option(
    "--days",
    metavar="N",
    type=click.IntRange(1, 7),
    default=7,
    help="After how many days it ends. Default: 7.",
)
@why_option
@as_option
@pass_home
def add(home: Home, name: str, anchor: bool, days: int, why: str, staff: str) -> None:
    """Add a name by hand; a second person confirms it, and it ends within seven days.

    \b
    Example:  copdns provider security add phish.example --why "Asks for passwords." --as ada
    """
    layer = HandLayer.ANCHOR if anchor else HandLayer.SECURITY
    new, special = NameAdded(layer, name, why, home.now + days * DAY), special_names(home)
    number = write_as_staff(home, staff, lambda _, by: edits.add_name(new, by, special, home.now))
    click.echo(f"{number}: waits for a second person (copdns provider security confirm {number})")


@security.command()
@number_argument
@as_option
@pass_home
def confirm(home: Home, number: int, staff: str) -> None:
    """Confirm a name that another person added.

    \b
    Example:  copdns provider security confirm 14 --as bo
    """
    write_as_staff(
        home, staff, lambda register, by: edits.confirm_name(register, number, by, home.now)
    )
    click.echo(f"{number}: in force")


@security.command()
@number_argument
@why_option
@as_option
@pass_home
def withdraw(home: Home, number: int, why: str, staff: str) -> None:
    """Take back a name that was added by hand.

    \b
    Example:  copdns provider security withdraw 14 --why "Cleaned up." --as ada
    """
    write_as_staff(
        home, staff, lambda register, by: edits.withdraw_name(register, number, why, by, home.now)
    )
    click.echo(f"{number}: withdrawn")
