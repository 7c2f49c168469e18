"""What transactions on appeals look at first, and what they change besides the appeal.

`appeals.py` has the transactions; all of this runs in the one of its connection.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from copdns.accounts.codes import make_appeal_id
from copdns.accounts.roles import Balance
from copdns.appeals import life
from copdns.appeals.appeal import WAITING, Appeal, AppealRequest, AppealState, ContestedVerdict
from copdns.appeals.life import Due
from copdns.appeals.opening import ApprovalResult, Services, open_provisionally
from copdns.household.check import KnownIds
from copdns.model.errors import AppealError, HouseholdError
from copdns.model.household import Household
from copdns.store.connection import SqlConnection
from copdns.store.household_db.appeal_rows import select
from copdns.store.household_db.edit import apply_edit
from copdns.store.household_db.notes import Change, audit

PROGRAM = "copdns"  # the author of what no person decided


def limiting_appeals(
    connection: SqlConnection, household: str, ask: AppealRequest, now: int
) -> tuple[Appeal, ...]:
    """Return the appeals that count for the limits of a new one (`life.file_appeal`)."""
    return select(
        connection,
        household,
        profile=ask.profile,
        states=WAITING,
        device=ask.device,
        after=now - life.DAY,
    )


def require_appeal(connection: SqlConnection, household: str, appeal: str) -> Appeal:
    """Return the appeal of an id; AppealError where the household has none."""
    found = select(connection, household, appeal=appeal)
    if not found:
        raise AppealError("there is no request '%(appeal)s'", appeal=appeal)
    return found[0]


def require_own_appeal(
    connection: SqlConnection, household: str, appeal: str, profile: str
) -> Appeal:
    """Return an appeal of a profile; AppealError where it is another one's, as for none."""
    found = require_appeal(connection, household, appeal)
    if found.ask.profile != profile:
        raise AppealError("there is no request '%(appeal)s'", appeal=appeal)
    return found


def require_asker(connection: SqlConnection, household: str, profile: str) -> None:
    """Raise AppealError where the household does not have the profile that asks."""
    found = connection.execute(
        "select 1 from profile where household = ? and id = ?", (household, profile)
    ).fetchone()
    if found is None:
        raise AppealError(
            "copdns does not know whose device this is, so an answer could not reach you; ask "
            "someone who looks after your home to add this device"
        )


def draw_free_id(connection: SqlConnection, household: str) -> str:
    """Return an id that no appeal of the household has."""
    while True:
        new_id = make_appeal_id()
        if not select(connection, household, appeal=new_id):
            return new_id


def households_with_appeals(
    connection: SqlConnection, states: Iterable[AppealState]
) -> tuple[str, ...]:
    """Return the ids of the households that have appeals in one of some states."""
    rows = connection.execute(
        """
        select distinct household from appeal
         where state in (select value from json_each(?)) order by household
        """,
        (json.dumps([str(each) for each in states]),),
    )
    return tuple(each for (each,) in rows)


def households_with_errors(connection: SqlConnection) -> tuple[str, ...]:
    """Return the ids of the households that found mistakes in lists."""
    rows = connection.execute("select distinct household from list_error order by household")
    return tuple(each for (each,) in rows)


def apply_answer(
    connection: SqlConnection,
    household: str,
    edit: Callable[[Household], ApprovalResult],
    change: Change,
    balance: Balance | None,
) -> ApprovalResult:
    """Edit the household as an answer says; write a line of the audit even if nothing opens."""
    done: list[ApprovalResult] = []
    revisions: list[int] = []

    def edit_and_note(home: Household) -> Household:
        revisions.append(home.revision)
        done.append(edit(home))
        return done[0].household

    after = apply_edit(connection, household, edit_and_note, change, balance)
    if after.revision == revisions[0]:
        audit(connection, household, change.author, change.what, change.at)
    return done[0]


def open_meanwhile(
    connection: SqlConnection,
    household: str,
    each: Due,
    known: KnownIds,
    services: Services,
    now: int,
) -> str:
    """Open what waits too long; return the id of the grant, "" where it cannot be opened."""
    grants: list[str] = []

    def edit(home: Household) -> Household:
        opened, grant = open_provisionally(home, each.appeal, known, services, now)
        grants.append(grant)
        return opened

    change = Change(0, now, PROGRAM, f"request {each.appeal.id} allowed until it is answered")
    try:
        apply_edit(connection, household, edit, change)
    except (AppealError, HouseholdError):  # such as a category that is gone
        return ""
    return grants[0]


def add_list_error(
    connection: SqlConnection, household: str, name: str, to: ContestedVerdict
) -> None:
    """Store a wrongly listed name, to check later lists for it; not one that no list has."""
    if name and to.list:
        connection.execute(
            """
            insert into list_error (household, name, list, category)
            values (?, ?, ?, ?) on conflict do nothing
            """,
            (household, name, to.list, to.category),
        )
