"""`copdns provider desk`: questions whether a list is right about a site."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from copdns.appeals.review import DecisionReason
from copdns.as_json.plain import plain
from copdns.cli.base import json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, print_listing
from copdns.cli.provider.open_register import (
    as_option,
    keys_of,
    number_argument,
    open_register,
    shell_user,
)
from copdns.provider.law.edits import require_staff
from copdns.provider.law.statement import utc_text
from copdns.provider.staff.desk import REASONS, decide_case, maintainer_text

if TYPE_CHECKING:
    from copdns.store.provider_db.desk_rows import DeskStore
    from copdns.store.provider_db.register_rows import RegisterStore


@click.group()
def desk() -> None:
    """Decide whether lists are right about sites."""


@contextmanager
def _open_desk(home: Home) -> Iterator[tuple[RegisterStore, DeskStore]]:
    from copdns.store.provider_db.desk_rows import DeskStore  # no home has psycopg
    from copdns.web.staff.lots import draw_missing

    with open_register(home) as register:
        store = DeskStore(register.pool, keys_of(home))
        draw_missing(store, register.load().staff.values())
        yield register, store


@desk.command("list")
@json_option
@pass_home
def list_(home: Home, as_json: bool) -> None:
    """List the cases, with who was drawn to review them and how long they wait.

    \b
    Example:  copdns provider desk list
    """
    with _open_desk(home) as (_, store):
        cases = store.load()
    print_listing(
        cases,
        as_json,
        lambda each: {**plain(each), "state": str(each.state(home.now))},
        ("number", "site", "list", "said", "asked", "due", "reviewers", "state"),
        lambda each: (
            str(each.number),
            each.name,
            each.list,
            str(each.reason),
            utc_text(each.asked),
            utc_text(each.due) + (" !" if each.is_overdue(home.now) else ""),
            ", ".join(each.drawn),
            str(each.state(home.now)),
        ),
    )


@desk.command()
@number_argument
@click.option(
    "--reason",
    type=click.Choice(sorted(map(str, REASONS))),
    required=True,
    help="Of docs/review-policy.md.",
)
@as_option
@pass_home
def decide(home: Home, number: int, reason: str, staff: str) -> None:
    """Decide a case, as one of its two reviewers; both have to agree to open a site.

    \b
    Example:  copdns provider desk decide 4 --reason list_error --as rev
    """
    with _open_desk(home) as (register, store):
        who = require_staff(register.load(), staff)
        store.begin_lines(home.now)
        case = store.change(
            number,
            lambda case: decide_case(case, who, DecisionReason(reason), home.now),
            shell_user(),
        )
    click.echo(f"case {number}: {case.state(home.now)}")


@desk.command()
@json_option
@pass_home
def verify(home: Home, as_json: bool) -> None:
    """Check that no decision was changed, removed or moved since it was made.

    Each is a line with a checksum of itself and of all before it, as those of the register. Compare
    the checksum with one that was printed before, to see that the desk was not set back as a whole.

    \b
    Example:  copdns provider desk verify
    """
    from copdns.store.provider_db.desk_rows import DeskStore  # no home has psycopg

    with open_register(home) as register:
        # It begins no lines: who removed them all would have what is there now signed by this.
        found = DeskStore(register.pool, keys_of(home)).verify(home.now)
    if as_json:
        print_json({"lines": found.lines, "checksum": found.digest})
        return
    click.echo(f"all is as it was decided: {found.lines} lines, the last {found.digest}")


@desk.command()
@number_argument
@pass_home
def text(home: Home, number: int) -> None:
    """Print what to send to the maintainer of the list; it does not say who asked.

    \b
    Example:  copdns provider desk text 4
    """
    with _open_desk(home) as (_, store):
        click.echo(maintainer_text(store.find(number)), nl=False)
