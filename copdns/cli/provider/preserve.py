"""`copdns provider preserve`: records that an authority asked not to delete, for a while."""

from __future__ import annotations

from pathlib import Path

import click

from copdns.as_json.plain import utc
from copdns.cli.base import json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_listing
from copdns.cli.provider.open_register import (
    as_option,
    checksum_of,
    document_option,
    load_register,
    moment,
    number_argument,
    why_option,
    write_as_staff,
)
from copdns.provider.law import edits
from copdns.provider.law.edits import DAY
from copdns.provider.law.events import KeptRecord, PreservationEntered
from copdns.provider.law.register_json import preservation_json


@click.group()
def preserve() -> None:
    """Keep records that there are from being deleted."""


@preserve.command("list")
@json_option
@pass_home
def list_(home: Home, as_json: bool) -> None:
    """List requests to preserve, with their keepers and ends.

    \b
    Example:  copdns provider preserve list
    """
    print_listing(
        load_register(home).preservations.values(),
        as_json,
        lambda each: preservation_json(each, home.now),
        ("number", "authority", "reference", "records", "keeper", "until", "state"),
        lambda each: (
            str(each.number),
            each.entered.authority,
            each.entered.reference,
            ", ".join(each.entered.records),
            each.entered.keeper,
            utc(each.entered.ends) or "",
            str(each.state(home.now)),
        ),
    )


@preserve.command()
@click.argument(
    "records", type=click.Choice([str(each) for each in KeptRecord]), nargs=-1, required=True
)
@click.option("--authority", metavar="TEXT", required=True, help="Who asks for it.")
@click.option("--reference", metavar="TEXT", required=True, help="What they call the request.")
@click.option("--country", metavar="CC", required=True, help="The authority's country.")
@click.option("--since", metavar="TIME", required=True, help="From when on the records are.")
@click.option("--through", metavar="TIME", default="", help="Until when they are. Default: now.")
@click.option(
    "--days",
    metavar="N",
    type=click.IntRange(1, 90),
    default=90,
    help="For how many days they are kept. Default: 90.",
)
@click.option("--keeper", metavar="ID", required=True, help="Who of the staff answers for it.")
@document_option
@as_option
@pass_home
def add(
    home: Home,
    records: tuple[str, ...],
    authority: str,
    reference: str,
    country: str,
    since: str,
    through: str,
    days: int,
    keeper: str,
    document: Path,
    staff: str,
) -> None:
    """Enter a request to preserve RECORDS; a second person confirms it within seven days.

    Nothing new is collected: --through is not in the future.

    \b
    Example:  copdns provider preserve add decisions --authority "A court" --reference "4 Gs 1/26"
              --country FR --since 2026-11-01T00:00Z --keeper bo --document request.pdf --as ada
    """
    new = PreservationEntered(
        *(authority, reference, country, tuple(KeptRecord(each) for each in records)),
        since=moment(home, since),
        through=moment(home, through) if through else home.now,
        ends=home.now + days * DAY,
        keeper=keeper,
        document=checksum_of(document),
    )
    number = write_as_staff(
        home, staff, lambda register, by: edits.enter_preservation(register, new, by, home.now)
    )
    click.echo(f"{number}: kept for seven days, until a second person confirms it")


@preserve.command()
@number_argument
@as_option
@pass_home
def confirm(home: Home, number: int, staff: str) -> None:
    """Confirm a request that another person entered.

    \b
    Example:  copdns provider preserve confirm 16 --as bo
    """
    write_as_staff(
        home, staff, lambda register, by: edits.confirm_preservation(register, number, by, home.now)
    )
    click.echo(f"{number}: confirmed")


@preserve.command()
@number_argument
@why_option
@as_option
@pass_home
def end(home: Home, number: int, why: str, staff: str) -> None:
    """End a request before its end.

    \b
    Example:  copdns provider preserve end 16 --why "Given to the court." --as bo
    """
    write_as_staff(
        home,
        staff,
        lambda register, by: edits.end_preservation(register, number, why, by, home.now),
    )
    click.echo(f"{number}: over")
