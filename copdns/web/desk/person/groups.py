"""The groups that a person is in (tags), by which rules and times apply to several people."""

from __future__ import annotations

from typing import Any, NamedTuple

from aiohttp import web

from copdns.accounts.roles import Permission
from copdns.household.edit_checks import parse_field
from copdns.model.addresses import slug
from copdns.model.errors import HouseholdError
from copdns.model.household import Household, Profile
from copdns.web.desk.house_request import form_of
from copdns.web.desk.person.always_allowed_sites import keep_values, require_few
from copdns.web.desk.person.page import require_person


class GroupRow(NamedTuple):
    """A group of a person, as their page shows it.

    people: names of the others in it.  uses: how many rules, schedules and budgets apply by it.
    """

    tag: str
    people: tuple[str, ...]
    uses: int


def groups_of(household: Household, profile: Profile) -> list[GroupRow]:
    """Return the groups of a person."""
    rules = [each.scope for each in household.rules]
    schedules = [each.scope for each in household.schedules]
    scopes = (*rules, *schedules, *(each.scope for each in household.budgets))
    return [
        GroupRow(
            tag,
            tuple(each.name for each in household.profiles if tag in each.tags and each != profile),
            scopes.count(f"#{tag}"),
        )
        for tag in sorted(profile.tags)
    ]


async def tag(request: web.Request) -> web.Response:
    """Add a tag to a person, or remove it, as the field `remove` says."""
    found, form = await require_person(request, Permission.EDIT_PROFILES), await form_of(request)
    try:
        word = parse_field(slug, form.one("tag").lower().removeprefix("#"))
    except HouseholdError as error:
        raise error.for_field("tag") from None
    away = form.has("remove")

    def other(profile: Profile) -> dict[str, Any]:
        return {"tags": profile.tags - {word} if away else require_few(profile.tags | {word})}

    if away is (word in found.profile.tags):
        await keep_values(request, found, other, f"tag {'-' if away else '+'}{word}")
    raise web.HTTPSeeOther(found.address)
