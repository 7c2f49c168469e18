"""`copdns provider family`: open what families chose to block, for all, for a while."""

from __future__ import annotations

import click

from copdns.as_json.plain import utc
from copdns.cli.base import json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_listing, printable
from copdns.cli.provider.open_register import (
    as_option,
    load_register,
    why_option,
    write_as_staff,
)
from copdns.provider.law import edits
from copdns.provider.law.register_json import opening_json

HOUR = 3600  # seconds


@click.group()
def family() -> None:
    """Open the layer of families for all."""


@family.command("open")
@click.option(
    "--hours",
    metavar="N",
    type=click.IntRange(1, 24),
    default=4,
    help="For how many hours. Default: 4.",
)
@why_option
@as_option
@pass_home
def open_(home: Home, hours: int, why: str, staff: str) -> None:
    """Let nothing be blocked that families chose, for all subscribers, at once.

    For when lists or policies go wrong everywhere. What the law forbids and what is dangerous stays
    blocked. It ends by the clock, and stands in the register, the statement and the report.

    \b
    Example:  copdns provider family open --why "A list blocks schools." --as ada
    """
    ends = home.now + hours * HOUR
    number = write_as_staff(
        home, staff, lambda now, by: edits.open_family(now, why, ends, by, home.now)
    )
    click.echo(f"{number}: open until {utc(ends)}")


@family.command()
@why_option
@as_option
@pass_home
def close(home: Home, why: str, staff: str) -> None:
    """Let what families chose be blocked again before the end.

    \b
    Example:  copdns provider family close --why "The list is right again." --as ada
    """
    number = write_as_staff(home, staff, lambda now, by: edits.close_family(now, why, by, home.now))
    click.echo(f"{number}: closed")


@family.command("list")
@json_option
@pass_home
def list_(home: Home, as_json: bool) -> None:
    """List when the layer of families was open for all, and why.

    \b
    Example:  copdns provider family list
    """
    print_listing(
        load_register(home).openings.values(),
        as_json,
        lambda each: opening_json(each, home.now),
        ("number", "since", "until", "by", "why"),
        lambda each: (
            str(each.number),
            utc(each.opened_at) or "",
            utc(each.ends) or "",
            each.opened_by,
            printable(each.opened.why),
        ),
    )
