"""`copdns provider law`: orders of authorities, from their entry to their end."""

from __future__ import annotations

from pathlib import Path

import click

from copdns.as_json.plain import utc
from copdns.cli.base import json_option, read_text
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, print_listing, print_pairs
from copdns.cli.params import DURATION
from copdns.cli.provider.open_register import (
    as_option,
    checksum_of,
    document_option,
    keys_of,
    load_register,
    moment,
    number_argument,
    open_register,
    shell_user,
    special_names,
    why_option,
    write_as_staff,
)
from copdns.provider.law import edits
from copdns.provider.law.events import HoldDecided, OrderEntered
from copdns.provider.law.hashed_list import seal_list
from copdns.provider.law.keys import HASHED_LISTS
from copdns.provider.law.register import ProtectedHold
from copdns.provider.law.register_in_force import with_register
from copdns.provider.law.register_json import (
    entry_json,
    holds_to_show,
    names_to_show,
    order_json,
)
from copdns.provider.plane.response_rules import response_zone
from copdns.provider.plane.snapshot import ListedNames

DAY_MINUTES = 1440


@click.group()
def law() -> None:
    """Keep legal orders: what the law blocks, and until when."""


@law.command("list")
@json_option
@pass_home
def list_(home: Home, as_json: bool) -> None:
    """List orders; names of confidential ones are left out.

    \b
    Example:  copdns provider law list
    """
    orders = load_register(home).orders.values()
    print_listing(
        orders,
        as_json,
        lambda each: order_json(each, home.now),
        ("number", "authority", "reference", "state", "names", "until", "held"),
        lambda each: (
            str(each.number),
            each.entered.authority,
            each.entered.reference,
            str(each.state(home.now)),
            str(len(each.entered.names)),
            utc(each.entered.ends) or "",
            str(sum(hold.is_blocked is None for hold in each.holds)),
        ),
    )


@law.command()
@number_argument
@click.option(
    "--as", "reader", metavar="ID", default="", help="Who reads it: the decider is told more."
)
@json_option
@pass_home
def show(home: Home, number: int, reader: str, as_json: bool) -> None:
    """Show an order, with its protected names and who decides about them.

    \b
    Example:  copdns provider law show 12
    """
    order = edits.find_order(load_register(home), number)
    if as_json:
        print_json(order_json(order, home.now, reader))
        return
    entered = order.entered
    print_pairs(
        [
            ("authority", entered.authority),
            ("reference", entered.reference),
            ("country", entered.country),
            ("scope", entered.scope),
            ("state", str(order.state(home.now))),
            ("from", utc(entered.begins) or ""),
            ("until", utc(entered.ends) or ""),
            ("document", entered.document),
            ("link", entered.link),
            ("entered by", order.entered_by),
            ("confirmed by", order.confirmed_by),
            ("withdrawn by", order.withdrawn_by),
            *(("name", each) for each in names_to_show(order)),
            *(("held", _hold_text(each, home.now)) for each in holds_to_show(order, reader)),
        ]
    )


@law.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option(
    "--names",
    "file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file with more names, one a line.",
)
@click.option("--authority", metavar="TEXT", required=True, help="Who ordered it.")
@click.option("--reference", metavar="TEXT", required=True, help="What they call the order.")
@click.option("--scope", metavar="TEXT", required=True, help="What it covers, in words.")
@click.option("--country", metavar="CC", required=True, help="The authority's country.")
@click.option("--from", "begins", metavar="TIME", default="", help="From when. Default: now.")
@click.option("--until", "ends", metavar="TIME", required=True, help="When it ends, in UTC.")
@document_option
@click.option("--link", metavar="URL", default="", help="Where the public reads the document.")
@click.option("--confidential", is_flag=True, help="Nobody may be told the names.")
@click.option(
    "--decider", metavar="ID", required=True, help="Who decides about protected names in it."
)
@click.option(
    "--within",
    metavar="TIME",
    type=DURATION,
    default="1d",
    help="How long the decider has, at most 3d. Default: 1d.",
)
@as_option
@pass_home
def add(
    home: Home,
    names: tuple[str, ...],
    file: Path | None,
    authority: str,
    reference: str,
    scope: str,
    country: str,
    begins: str,
    ends: str,
    document: Path,
    link: str,
    confidential: bool,
    decider: str,
    within: int,
    staff: str,
) -> None:
    """Enter an order to block names; a second person confirms it.

    The block is over at the second that --until says, with nobody's doing.

    \b
    Example:  copdns provider law add casino.example --authority "A court" --reference "1 O 2/26"
              --scope "all customers" --country FR --until 2027-03-01T00:00Z
              --document order.pdf --decider rev --as ada
    """
    lines = read_text(file, "name a file with a name on each line").split() if file else []
    new = OrderEntered(
        authority=authority,
        reference=reference,
        scope=scope,
        country=country,
        names=(*names, *lines),
        begins=moment(home, begins) if begins else home.now,
        ends=moment(home, ends),
        document=checksum_of(document),
        link=link,
        is_confidential=confidential,
        decider=decider,
        decide_within=within * 60,
    )
    number = write_as_staff(
        home, staff, lambda register, by: edits.enter_order(register, new, by, home.now)
    )
    click.echo(f"order {number}: waits for a second person (copdns provider law confirm {number})")


@law.command()
@number_argument
@as_option
@pass_home
def confirm(home: Home, number: int, staff: str) -> None:
    """Confirm an order that another person entered, and so put it in force.

    \b
    Example:  copdns provider law confirm 12 --as bo
    """
    special = special_names(home)
    write_as_staff(
        home,
        staff,
        lambda register, by: edits.confirm_order(register, number, special, by, home.now),
    )
    order = edits.find_order(load_register(home), number)
    click.echo(f"order {number}: {order.state(home.now)} until {utc(order.entered.ends)}")
    for each in holds_to_show(order):
        click.echo(f"held: {_hold_text(each, home.now)}")
    if hidden := len(order.holds) - len(holds_to_show(order)):
        click.echo(f"held: {hidden}, which {order.entered.decider} sees (law show --as)")


@law.command()
@number_argument
@why_option
@as_option
@pass_home
def withdraw(home: Home, number: int, why: str, staff: str) -> None:
    """Lift an order before its end.

    \b
    Example:  copdns provider law withdraw 12 --why "Lifted on appeal." --as ada
    """
    write_as_staff(
        home, staff, lambda register, by: edits.withdraw_order(register, number, why, by, home.now)
    )
    click.echo(f"order {number}: withdrawn")


@law.command()
@number_argument
@click.argument("name", metavar="NAME")
@click.option("--block/--open", "is_blocked", required=True, help="Block the name, or not.")
@why_option
@as_option
@pass_home
def decide(home: Home, number: int, name: str, is_blocked: bool, why: str, staff: str) -> None:
    """Decide about a protected name of an order; only its decider may.

    \b
    Example:  copdns provider law decide 12 help.example --open --why "A helpline." --as rev
    """
    new, special = HoldDecided(number, name, is_blocked, why), special_names(home)
    write_as_staff(
        home, staff, lambda register, by: edits.decide_hold(register, new, special, by, home.now)
    )
    click.echo(f"order {number}: {name} {'is blocked' if is_blocked else 'stays open'}")


@law.command()
@pass_home
def zone(home: Home) -> None:
    """Print what the law blocks at this moment as a zone for a resolver (RPZ).

    \b
    Example:  copdns provider law zone
    """
    listed = ListedNames((), special_names(home))
    click.echo(response_zone(with_register(listed, load_register(home), home.now)), nl=False)


@law.command()
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@pass_home
def seal(home: Home, file: Path) -> None:
    """Print a list of hashes sealed by the provider's key, to be put on nodes in its place.

    Whoever takes that file, and not the folder of the keys, can try no name. Its checksum, which
    the order names, stays that of FILE.

    \b
    Example:  copdns provider law seal list.hashed > list.sealed
    """
    text = read_text(file, "name a list of hashes")
    click.echo(
        seal_list(text, str(file), lambda each: keys_of(home).seal(each, HASHED_LISTS)), nl=False
    )


@law.command()
@click.option(
    "--restored",
    is_flag=True,
    help="Accept that lines are missing since the database was set back; this is written down.",
)
@json_option
@pass_home
def check(home: Home, restored: bool, as_json: bool) -> None:
    """Check that no line of the register was changed or is missing at its end, and print the
    checksum of all.

    \b
    Example:  copdns provider law check
    """
    with open_register(home) as store:
        if restored:
            store.accept_loss(home.now, shell_user())
        head = store.check()
    if as_json:
        print_json({"entries": head.size, "checksum": head.digest})
    else:
        click.echo(f"{head.size} entries, as they were written: {head.digest}")


@law.command()
@json_option
@pass_home
def entries(home: Home, as_json: bool) -> None:
    """List all lines of the register: when, by whom, and by which user of the machine.

    \b
    Example:  copdns provider law entries
    """
    with open_register(home) as store:
        lines = store.lines()
    print_listing(
        lines,
        as_json,
        entry_json,
        ("number", "at", "by", "shell", "kind"),
        lambda each: (str(each.number), utc(each.at) or "", each.by, each.shell, each.kind),
    )


def _hold_text(hold: ProtectedHold, now: int) -> str:
    if hold.is_blocked is not None:
        return f"{hold.name}: {'blocked' if hold.is_blocked else 'open'}, by {hold.decided_by}"
    late = "should have decided" if hold.is_overdue(now) else "decides"
    return f"{hold.name}: {hold.decider} {late} by {utc(hold.deadline)}"
