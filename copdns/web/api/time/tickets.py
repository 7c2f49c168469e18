"""Time tickets, codes worth minutes: guardians make them, children redeem them."""

from __future__ import annotations

import asyncio
from functools import partial

from pydantic import Field

from copdns.accounts.codes import make_ticket_code, ticket_digest
from copdns.accounts.roles import Permission
from copdns.as_json.times import grant_json, ticket_json
from copdns.household.edit_checks import parse_field
from copdns.household.time_edits import add_ticket, remove_ticket
from copdns.model.times import DAY_MINUTES, parse_subject
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.time.grants import GrantShown
from copdns.web.api.types import About, Code, Id, Long, Minutes, Moment, Text


class TicketShown(Given):
    """for: "" is whoever has the code.  about: null is every name."""

    id: str
    minutes: int
    scope: str = Field(alias="for")
    about: str | None
    made: Moment
    expires: Moment
    label: str
    author: str
    redeemed: Moment | None
    redeemed_by: str


class TicketMade(TicketShown):
    """code: told this once."""

    code: str


class TicketWanted(Sent):
    """expires: after how many minutes the code is good no more; a week where nothing is said."""

    minutes: Minutes
    profile: Id | None = None
    about: About | None = None
    expires: Long = 7 * DAY_MINUTES
    label: Text = ""


class TicketTyped(Sent):
    """The code of a ticket."""

    code: Code


async def tickets(call: Call) -> object:
    """Return all tickets, without their codes, which nothing can show again."""
    return [ticket_json(each) for each in call.household.tickets]


async def make(call: Call) -> object:
    """Make a ticket; only a digest of its code is stored."""
    wanted: TicketWanted = call.body
    code = make_ticket_code()
    edit = partial(
        add_ticket,
        digest=await asyncio.to_thread(ticket_digest, code),
        known=call.context.known_ids(),
        minutes=wanted.minutes,
        made=call.now,
        expires=call.now + wanted.expires * 60,
        profile_id=wanted.profile or "",
        about=None if wanted.about is None else parse_field(parse_subject, wanted.about),
        label=wanted.label,
        author=call.actor.name,
    )
    whom = wanted.profile or "anyone with the code"
    after = await call.change(f"1 tickets of {wanted.minutes} minutes created for {whom}", edit)
    return {**ticket_json(after.tickets[-1]), "code": code}


async def remove(call: Call) -> object:
    """Remove a ticket; minutes that it gave already stay."""
    ticket = call.find("ticket", call.household.tickets)
    await call.change(f"ticket {ticket.id} removed", partial(remove_ticket, ticket_id=ticket.id))
    return None


async def redeem(call: Call) -> object:
    """Redeem a code; its minutes begin now.  Wrong codes are counted, whoever types them."""
    body: TicketTyped = call.body
    after = await call.context.store.redeem(
        call.household.id,
        await asyncio.to_thread(ticket_digest, body.code),
        call.person.id,
        author=call.actor.name,
        now=call.now,
    )
    return grant_json(after.grants[-1])


OPERATIONS = (
    Operation(
        "GET", "/tickets", Permission.SEE_PROFILES, "All tickets", tickets, list[TicketShown]
    ),
    Operation(
        "POST",
        "/tickets",
        Permission.GIVE_TIME,
        "Make a ticket worth minutes",
        make,
        TicketMade,
        body=TicketWanted,
        status=201,
    ),
    Operation(
        "DELETE", "/tickets/{ticket}", Permission.GIVE_TIME, "Take one back", remove, status=204
    ),
    Operation(
        "POST",
        "/profiles/{profile}/tickets",
        Permission.GIVE_TIME,
        "Redeem a code for a person",
        redeem,
        GrantShown,
        body=TicketTyped,
        status=201,
    ),
)
