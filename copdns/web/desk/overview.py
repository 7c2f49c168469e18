"""The first page of the dashboard: the people, what waits, what is wrong, and what changed."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from aiohttp import web

from copdns.accounts.account import GuardianNotice, NoticeKind, ViewedPart
from copdns.accounts.roles import Actor, Permission, may
from copdns.appeals.appeal import Appeal
from copdns.household.ages import AgeConfirmation, asks_guardians
from copdns.model.household import PrivacyMode, Profile
from copdns.model.sentences import sentence
from copdns.network.unknown_devices import UnknownDevice
from copdns.policy.chosen_filter import is_filter_on
from copdns.privacy.bypass_signs import NEXT_NOTICE, BypassNotice
from copdns.store.household_db.audit_trail import AuditEntry, AuditTrail
from copdns.store.household_db.ignored_devices import IgnoredDevices
from copdns.store.household_db.notes import CONSOLE, FIRST_START, REPAIRED
from copdns.time.days import local_time, starts_at, zone_of
from copdns.web.desk.activity.changes import build_teller
from copdns.web.desk.change import say_done
from copdns.web.desk.house_request import HouseRequest, require_house
from copdns.web.desk.person.signs import bypass_notices
from copdns.web.desk.person_cards import Activity, PersonCard, person_card, upcoming
from copdns.web.desk.time.give_time import PAUSE_ALL, is_paused_with_all
from copdns.web.desk.time.page import require_person, template_values
from copdns.web.desk.waiting_requests import asking_values, find_waiting, values_to_answer
from copdns.web.session import may_see_notices
from copdns.web.step_up import require_step_up
from copdns.web.unknown_devices import device_in_hand, makers_of, unassigned_devices
from copdns.words.warnings import trouble

CHANGES_SHOWN = 2
CHANGES_READ = 40  # of which those are shown that are news
# That somebody tapped on their own device which their browser is: the history has it.
_OWN_TAP = re.compile(r"browser linked to this device(?: for \S+)?")
_SETUP = "setup: "
UNKNOWN_SHOWN = 3


class ListsShown(NamedTuple):
    """The blocklists in short.  chosen: how many of other people are used.  age: seconds since the
    oldest copy was last known to be current; None for none."""

    chosen: int
    age: float | None


async def add_slash(_request: web.Request) -> web.Response:
    """Redirect /guardian to /guardian/."""
    raise web.HTTPPermanentRedirect("/guardian/")


async def overview(request: web.Request) -> web.Response:
    """Show the state of everybody, with buttons for what guardians do most often.

    Each part only as far as the reader may see it: a reviewer reads of requests and of nobody's
    day, an auditor of people and of no request.
    """
    home = await require_house(request, Permission.SEE_STATUS)
    context, household, now = home.context, home.household, home.now
    sees_people = may(home.actor, Permission.SEE_PROFILES)
    waiting = await find_waiting(context, home.actor)
    cards = await _cards(home, waiting) if sees_people else []
    unknown = await _unknown_devices(home) if sees_people else []
    children = [each for each in cards if is_paused_with_all(each.profile)]
    return context.pages.render(
        request,
        "desk/overview.html",
        **template_values(home),
        is_unfiltered=context.door is not None and not is_filter_on(household),
        wanting=await _talk_notices(home),
        **await asking_values(home, waiting),
        silent=await _new_bypass_notices(home),
        proposals=await context.proposals.due(household.id, now) if sees_people else (),
        ages_due=await _ages_due(home),
        cards=children,
        others=[each for each in cards if each not in children],
        paused=[each for each in children if each.pause is not None],
        pause_all=PAUSE_ALL,
        upcoming=upcoming(cards),
        trouble=tuple(map(trouble, (*context.readiness(), *context.warnings_to_show()))),
        lists=_lists_shown(home),
        unknown=unknown,
        makers=await makers_of(unknown),
        in_hand=device_in_hand(request, unknown),
        **await _changes(home),
    )


async def asking(request: web.Request) -> web.Response:
    """Return the part of the overview with what waits for an answer.  Its script looks for it every
    few seconds, and that is no look at anybody's minutes, as a look at the overview is."""
    home = await require_house(request, Permission.SEE_STATUS)
    waiting = await find_waiting(home.context, home.actor)
    values = {**template_values(home), **await asking_values(home, waiting)}
    values["brief"] = "brief" in request.query
    page = home.context.pages.fragment(request, "desk/overview_asking.html", **values)
    return web.Response(text=page, content_type="text/html")


async def person_asking(request: web.Request) -> web.Response:
    """Return the part of a person's pages with what they ask for.  Its script looks for it, too,
    and that is no look at what the page shows besides."""
    them = await require_person(request, Permission.SEE_PROFILES)
    waiting = await find_waiting(them.context, them.actor, them.profile.id)
    values = {**template_values(them), "profile": them.profile, **values_to_answer(waiting)}
    page = them.context.pages.fragment(request, "desk/person_asking.html", **values)
    return web.Response(text=page, content_type="text/html")


async def _cards(home: HouseRequest, waiting: Sequence[Appeal]) -> list[PersonCard]:
    """Return the card of each person, and record whose minutes and activity are looked at."""
    people, view = home.household.profiles, home.time_view()
    seen = [each for each in people if may(home.actor, Permission.SEE_LOG, each)]
    activity = await _activity(home, seen)
    requests = Counter(each.ask.profile for each in waiting)
    cards = [
        person_card(
            home.household,
            each,
            view.policy(each.id),
            view.today(each),
            home.context.now(),
            sees_use=each in seen,
            requests=requests[each.id],
            activity=activity,
        )
        for each in people
    ]
    await _note_looks(home, cards)
    return cards


async def _activity(home: HouseRequest, people: Sequence[Profile]) -> Activity:
    """Return what was recorded today of those whose mode lets it be shown."""
    household, log, now = home.household, home.context.log, home.now
    modes = {each.id: each.privacy_at(now) for each in people}
    full = [key for key, mode in modes.items() if mode is PrivacyMode.FULL]
    if not full and PrivacyMode.BLOCKED not in modes.values():
        return Activity()
    zone = zone_of(household.timezone)
    since = starts_at(local_time(now, zone).date(), 0, zone)
    counts = await asyncio.to_thread(log.counts, household.id, None, since)
    devices = await asyncio.to_thread(log.devices_seen, household.id, full, since) if full else {}
    return Activity(counts, devices)


async def _note_looks(home: HouseRequest, cards: Sequence[PersonCard]) -> None:
    """Record what is looked at, which the person can see; nothing else is written by a GET."""
    looks, actor, now = home.context.looks, home.actor, home.now
    shown = {
        ViewedPart.USAGE: [each.profile.id for each in cards if each.limits],
        ViewedPart.COUNTS: [each.profile.id for each in cards if each.hours is not None],
        ViewedPart.LOG: [each.profile.id for each in cards if each.has_use],
    }
    for part, people in shown.items():
        if people:
            await looks.note_all(actor, people, (part,), now)


def _lists_shown(home: HouseRequest) -> ListsShown:
    updates, now = home.context.updates, home.context.now()
    statuses = home.context.snapshot().library.statuses
    ages = [updates.copy_state(each.info.slug).age(now) for each in statuses]
    known = [each for each in ages if each is not None]
    return ListsShown(home.context.lists().chosen, max(known, default=None))


async def _unknown_devices(home: HouseRequest) -> list[UnknownDevice]:
    """Return some devices that are nobody's and that nobody hid, the last seen first."""
    context, household = home.context, home.household
    found = await unassigned_devices(context.folder, household)
    if not found:
        return []
    hidden = await IgnoredDevices(context.thread).of(household.id)
    shown = [each for each in found if each.id not in hidden]
    return sorted(shown, key=lambda each: (-each.last, -each.first))[:UNKNOWN_SHOWN]


async def _changes(home: HouseRequest) -> dict[str, Any]:
    """Return the values that tell what was changed last, for who may read the history."""
    household = home.household
    if not may(home.actor, Permission.SEE_AUDIT):
        return {"lines": ()}
    lines = await AuditTrail(home.context.thread).changes(household.id, CHANGES_READ)
    latest = [each for each in lines if not _OWN_TAP.fullmatch(each.what)][:CHANGES_SHOWN]
    return {
        "lines": [each for each in latest if not _is_own_setup(each, home.actor)],
        "said": build_teller(household),
        "console": CONSOLE,
        "first_start": FIRST_START,
    }


def _is_own_setup(line: AuditEntry, reader: Actor) -> bool:
    """Tell whether a line is of the setup that the reader went through: no news to them."""
    return line.what.startswith(_SETUP) and line.who == reader.name


async def _new_bypass_notices(home: HouseRequest) -> list[BypassNotice]:
    """Return notices of devices that may not use the filter, for a week."""
    seen = [e for e in home.household.profiles if may(home.actor, Permission.SEE_LOG, e)]
    found = await bypass_notices(home.context, home.household, seen)
    return [each for each in found if home.now - each.sign.at < NEXT_NOTICE]


async def _ages_due(home: HouseRequest) -> list[tuple[Profile, AgeConfirmation]]:
    """Return whose age group nobody confirmed for a year, for who may change it."""
    if not may(home.actor, Permission.EDIT_PROFILES):
        return []
    confirmed = await home.context.ages.all(home.household.id)
    return [
        (each, confirmed[each.id])
        for each in home.household.profiles
        if asks_guardians(each, confirmed.get(each.id), home.now)
    ]


async def repair(request: web.Request) -> web.Response:
    """Make the copy the new `household.db`; where nothing is damaged, nothing happens."""
    home = await require_house(request, Permission.EDIT_HOUSEHOLD)
    await require_step_up(request, home.actor)
    context, household = home.context, home.household
    if context.damage():
        await context.repair()
        await context.store.note(household.id, home.actor.name, REPAIRED, home.now)
        done = sentence(
            "the household's file was made again from its copy, and is used from now on"
        )
        say_done(request, home.actor, done)
    raise web.HTTPSeeOther("/guardian/")


async def _talk_notices(home: HouseRequest) -> list[GuardianNotice]:
    """Return notices of children who want to talk, which the reader has not seen."""
    if not may_see_notices(home.actor):
        return []
    unseen = await home.context.notices.unseen(home.household.id, home.actor.id)
    return [each for each in unseen if each.kind is NoticeKind.WANTS_TO_TALK]
