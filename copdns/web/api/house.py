"""What concerns the whole household: its settings and services, who changed what, its file."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Annotated

from pydantic import Field

from copdns.as_json.accounts import account_json
from copdns.as_json.plain import utc
from copdns.errors import HouseholdError
from copdns.household import add_service, remove_service, set_household
from copdns.household_file import dump
from copdns.matchers import Matcher
from copdns.model import Contact, Household
from copdns.roles import Permission, Role
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.problem import Refused
from copdns.web.api.types import Id, Limit, Moment, Name, Text


class ChangeShown(Given):
    """A line of the list of changes.  author: in people's words."""

    revision: int
    at: Moment
    author: str
    what: str


class AccountShown(Given):
    """profile: the person in the household that it belongs to, "" for none."""

    id: str
    name: str
    role: Role
    profile: str
    made: Moment
    has_password: bool
    second_factor: bool


class HouseholdShown(Given):
    """guest: the profile of devices that nobody named, "" for the built-in rules of guests.
    protected: names of this house that nothing here may block."""

    id: str
    name: str
    timezone: str
    guest: str
    protected: list[str]
    revision: int


class HouseholdSet(Sent):
    """What is left out stays.  protected takes the place of those before."""

    name: Text | None = None
    timezone: Text | None = None
    guest: Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9_-]{0,63})?$")] | None = None
    protected: Annotated[tuple[Name, ...], Field(max_length=100)] | None = None


class ServiceShown(Given):
    """defined: here, or by copdns."""

    id: str
    title: str
    contact: Contact
    defined: str
    names: list[str]


class ServiceWanted(Sent):
    """names: as in a rule.  contact: with whom it puts a child in touch."""

    id: Id
    title: Text = ""
    names: Annotated[tuple[Name, ...], Field(min_length=1, max_length=200)]
    contact: Contact = Contact.NONE


class AuditAsked(Sent):
    limit: Limit = 100


async def show(call: Call) -> object:
    return _shown(call.household)


async def change(call: Call) -> object:
    wanted: HouseholdSet = call.body
    values = {key: each for key, each in wanted.model_dump().items() if each is not None}
    if not values:
        raise HouseholdError("nothing to set: send at least one key")
    said = ", ".join(sorted(values))
    after = await call.change(f"household set: {said}", partial(set_household, **values))
    return _shown(after)


def _shown(household: Household) -> dict[str, object]:
    return {
        "id": household.id,
        "name": household.name,
        "timezone": household.timezone,
        "guest": household.guest,
        "protected": list(household.protected),
        "revision": household.revision,
    }


async def services(call: Call) -> object:
    own = [
        _service(each.slug, each.title, each.contact, "here", each.names)
        for each in call.household.services
    ]
    shipped = call.parts.live().library.services.values()
    return own + [
        _service(each.slug, each.title, each.contact, "copdns", each.matchers) for each in shipped
    ]


def _service(
    slug: str, title: str, contact: Contact, defined: str, names: Iterable[Matcher]
) -> dict[str, object]:
    texts = [str(each) for each in names]
    return {"id": slug, "title": title, "contact": contact, "defined": defined, "names": texts}


async def add_own_service(call: Call) -> object:
    wanted: ServiceWanted = call.body
    edit = partial(
        add_service,
        slug=wanted.id,
        title=wanted.title,
        names=wanted.names,
        known=call.parts.known(),
        contact=wanted.contact,
    )
    made = (await call.change(f"service {wanted.id} added", edit)).services[-1]
    return _service(made.slug, made.title, made.contact, "here", made.names)


async def remove_own_service(call: Call) -> object:
    """Profiles that block it must be changed before."""
    slug = call.part("service")
    if not any(each.slug == slug for each in call.household.services):
        raise Refused(404, "There is no such service of this household's own")
    await call.change(f"service {slug} removed", partial(remove_service, slug=slug))
    return None


async def audit(call: Call) -> object:
    asked: AuditAsked = call.query
    found = await call.parts.store.changes(call.household.id, asked.limit)
    return [
        {"revision": each.revision, "at": utc(each.at), "author": each.author, "what": each.what}
        for each in found
    ]


async def accounts(call: Call) -> object:
    return [account_json(each) for each in await call.parts.accounts.all(call.household.id)]


async def export(call: Call) -> object:
    """People, devices and rules, and nothing that anybody looked up."""
    return dump(call.household)


_EDIT = Permission.EDIT_HOUSEHOLD
OPERATIONS = (
    Operation(
        "GET", "/household", Permission.SEE_PROFILES, "What concerns all", show, HouseholdShown
    ),
    Operation(
        "PATCH",
        "/household",
        _EDIT,
        "Change what concerns all",
        change,
        HouseholdShown,
        body=HouseholdSet,
    ),
    Operation(
        "GET",
        "/services",
        Permission.SEE_PROFILES,
        "Services that profiles can block",
        services,
        list[ServiceShown],
    ),
    Operation(
        "POST",
        "/services",
        _EDIT,
        "Add a service of the household's own",
        add_own_service,
        ServiceShown,
        body=ServiceWanted,
        status=201,
    ),
    Operation(
        "DELETE",
        "/services/{service}",
        _EDIT,
        "Remove an own service",
        remove_own_service,
        status=204,
    ),
    Operation(
        "GET",
        "/audit",
        Permission.SEE_AUDIT,
        "Who changed what, the newest last",
        audit,
        list[ChangeShown],
        query=AuditAsked,
    ),
    Operation(
        "GET", "/accounts", Permission.SEE_AUDIT, "Who may log in", accounts, list[AccountShown]
    ),
    Operation(
        "GET",
        "/household.yaml",
        Permission.EXPORT,
        "The household as a file, which `copdns household import` takes back",
        export,
        str,
        text="application/yaml",
    ),
)
