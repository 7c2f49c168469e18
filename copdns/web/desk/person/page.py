"""What all pages about one person have in common: access, and how a change is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from aiohttp import web

from copdns.accounts.roles import Actor, Permission, may
from copdns.household.differences import audit_line, differences
from copdns.household.edits import set_profile
from copdns.lists.catalogue import Catalogue
from copdns.model.household import SETTINGS, Household, Profile
from copdns.model.sentences import Sentence
from copdns.store.household_db.proposals import Proposal
from copdns.web.context import context_of
from copdns.web.desk.change import Edit, change_household
from copdns.web.desk.form_mark import mark_of
from copdns.web.desk.page import stored_household
from copdns.web.desk.waiting_requests import find_waiting, values_to_answer
from copdns.web.session import require
from copdns.web.wording import desk_wording


class PersonAccess(NamedTuple):
    """Who acts on which person.  household, profile: as stored, so pages show what was just
    changed."""

    actor: Actor
    household: Household
    profile: Profile

    @property
    def address(self) -> str:
        """The path of the person's page."""
        return f"/guardian/people/{self.profile.id}"


async def require_person(request: web.Request, permission: Permission) -> PersonAccess:
    """Return the person in the path; raise as `require` does, or HTTPNotFound."""
    actor = await require(request, permission)
    household = await stored_household(request, actor)
    profile = household.profile(request.match_info["person"])
    if profile is None:
        raise web.HTTPNotFound
    if not may(actor, permission, profile):
        raise web.HTTPForbidden(reason="You may not do this")
    return PersonAccess(actor, household, profile)


async def change(
    request: web.Request,
    actor: Actor,
    edit: Edit,
    what: str,
    plan: Proposal | None = None,
    said: Sentence | None = None,
    *,
    removable: bool = False,
) -> Household:
    """Store a change; a dispute between guardians is settled (`Balance`).  Return the household.

    plan: what was planned for the person's age, if the change ends that.  said, removable: of
    `DeskAction`.
    """
    return await change_household(
        request, actor, edit, what, weighed=True, plan=plan, said=said, removable=removable
    )


def with_values(request: web.Request, found: PersonAccess, values: Mapping[str, Any]) -> Profile:
    """Return the profile with other settings; raise HouseholdError for unknown ids."""
    known = context_of(request).known_ids()
    profile = set_profile(found.household, found.profile.id, known, **values).profile(
        found.profile.id
    )
    assert profile is not None
    return profile


async def keep(
    request: web.Request, found: PersonAccess, values: Mapping[str, Any], what: str = ""
) -> str:
    """Store settings of a person; return where to go, as `page_after` does.

    what: for the audit log; "": the differences.
    """
    after, known = with_values(request, found, values), context_of(request).known_ids()

    def edit(household: Household) -> Household:
        return set_profile(household, found.profile.id, known, **values)

    changed = differences(found.profile, after)
    stored = await change(request, found.actor, edit, what or audit_line(after, changed))
    return page_after(found, after, stored)


def page_after(found: PersonAccess, wanted: Profile, stored: Household) -> str:
    """Return the URL of the person's page.  It says so where another guardian disagrees and what is
    fair for the age applies instead."""
    profile = stored.profile(wanted.id)
    same = all(getattr(profile, each) == getattr(wanted, each) for each in SETTINGS)
    return found.address if same else f"{found.address}?disputed=yes"


def sort_categories(categories: Iterable[str], library: Catalogue) -> list[str]:
    """Return categories in the order of the page on which they are chosen."""
    places = {slug: place for place, slug in enumerate(library.categories)}
    return sorted(categories, key=lambda each: (places.get(each, len(places)), each))


async def person_page(
    request: web.Request, found: PersonAccess, template: str, *, status: int = 200, **values: Any
) -> web.Response:
    """Return a page about a person, with the values that all these templates need, and what the
    person asks for."""
    context = context_of(request)
    waiting = await find_waiting(context, found.actor, found.profile.id)
    return context.pages.render(
        request,
        template,
        status=status,
        actor=found.actor,
        household=found.household,
        profile=found.profile,
        say=desk_wording(request, found.household),
        may_edit=may(found.actor, Permission.EDIT_PROFILES, found.profile),
        now=context.now(),
        zone=found.household.timezone,
        mark_of=mark_of,
        reach=context.rules_reach(found.household, found.profile),
        offers_tokens=context.offers_tokens,
        **values_to_answer(waiting),
        **values,
    )
