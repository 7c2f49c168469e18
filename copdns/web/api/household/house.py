"""The household as a whole: settings, helplines, services, audit log, and its file."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Annotated

from pydantic import Field

from copdns.accounts.roles import Permission
from copdns.as_json.plain import utc
from copdns.household.edits import set_household
from copdns.household.file import dump
from copdns.household.rule_edits import add_service, remove_service, set_service
from copdns.model.errors import HouseholdError
from copdns.model.household import Contact, Household
from copdns.model.matchers import Matcher
from copdns.model.names import normalize
from copdns.model.times import FailureChoices, OnFailure
from copdns.model.violations import no_such
from copdns.web.api.operation import Call, Given, Operation, Sent, sent_values
from copdns.web.api.types import Id, Limit, Moment, Name, Text
from copdns.web.languages import bundled_helplines
from copdns.web.many_households.family_routes import build_refusal
from copdns.web.problem import Refused
from copdns.web.step_up import require_sure
from copdns.words.helplines import Helpline


class ChangeShown(Given):
    """A line of the list of changes.  author: in people's words."""

    revision: int
    at: Moment
    author: str
    what: str


class FailuresShown(Given):
    """What applies while the clock is wrong, lists are missing, or a device is nobody's."""

    clock: OnFailure
    lists: OnFailure
    devices: OnFailure


class FailuresSet(Sent):
    """As in FailuresShown; all three."""

    clock: OnFailure
    lists: OnFailure
    devices: OnFailure


class HouseholdShown(Given):
    """language: of printed pages and notices, where nobody chose one; country: two letters, whose
    helplines are shown; "" for none.  helplines: ids of those that a guardian vouched for.
    guest: the profile of devices that nobody named, "" for the built-in rules of guests.
    protected: names of this house that no list, service or bypass prevention blocks."""

    id: str
    name: str
    timezone: str
    language: str
    country: str
    helplines: list[str]
    guest: str
    protected: list[str]
    failures: FailuresShown
    revision: int


class HouseholdSet(Sent):
    """What is left out stays.  A list takes the place of the one before.

    protected: a name that was not there needs a step-up: of a token the scope step_up; so do
    another guest and other failures."""

    name: Text | None = None
    timezone: Text | None = None
    language: Text | None = None
    country: Annotated[str, Field(pattern="^([A-Z]{2})?$")] | None = None
    helplines: Annotated[tuple[Text, ...], Field(max_length=100)] | None = None
    guest: Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9_-]{0,63})?$")] | None = None
    protected: Annotated[tuple[Name, ...], Field(max_length=100)] | None = None
    failures: FailuresSet | None = None


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


class ServiceSet(Sent):
    """names: as in a rule.  contact: with whom it puts a child in touch."""

    title: Text = ""
    names: Annotated[tuple[Name, ...], Field(min_length=1, max_length=200)]
    contact: Contact = Contact.NONE


class AuditAsked(Sent):
    """How many lines at most, the newest."""

    limit: Limit = 100


class LineShown(Given):
    """number, text_to: how to call or write to it.  vouched: a guardian did.  to_vouch: children
    see all of it once a guardian vouches for it; what sources agree on they see anyway."""

    id: str
    name: str
    number: str
    text_word: str
    text_to: str
    site: str
    vouched: bool
    to_vouch: bool


async def show(call: Call) -> object:
    """Return what a household says of itself, besides people, rules and times."""
    return _household_json(call.household)


async def change(call: Call) -> object:
    """Set what is sent, and leave the rest; raise HouseholdError.

    To protect another name, to change whose rules guests get, and what applies in failures, needs a
    step-up: of a token the scope `step_up`.
    """
    wanted: HouseholdSet = call.body
    values = sent_values(wanted)
    if wanted.failures is not None:
        if call.context.is_shared:  # as the form (`family_routes.py`): of this machine's clock
            raise build_refusal()
        to = wanted.failures
        values["failures"] = FailureChoices(to.clock, to.lists, to.devices)
    protects = {normalize(each) for each in wanted.protected or ()}
    changes_guest = values.get("guest", call.household.guest) != call.household.guest
    loosens = values.get("failures", call.household.failures) != call.household.failures
    if changes_guest or loosens or not protects <= set(call.household.protected):
        await require_sure(call.request, call.actor)
    _check_vouched(call, call.household, wanted)
    keys = ", ".join(sorted(values))
    edit = partial(set_household, known=call.context.known_ids(), **values)
    after = await call.change(f"household set: {keys}", edit)
    return _household_json(after)


def _check_vouched(call: Call, home: Household, wanted: HouseholdSet) -> None:
    """Raise HouseholdError for a helpline that cannot be confirmed: unknown, or of another
    country."""
    country = home.country if wanted.country is None else wanted.country
    there = {each.id for each in bundled_helplines(call.context.facts()).to_confirm(country)}
    for each in set(wanted.helplines or ()) - {*there, *home.helplines}:
        raise HouseholdError(no_such("helpline to vouch for", each, there))


def _household_json(household: Household) -> dict[str, object]:
    return {
        "id": household.id,
        "name": household.name,
        "timezone": household.timezone,
        "language": household.language,
        "country": household.country,
        "helplines": list(household.helplines),
        "guest": household.guest,
        "protected": list(household.protected),
        "failures": {
            each: getattr(household.failures, each) for each in ("clock", "lists", "devices")
        },
        "revision": household.revision,
    }


async def helplines(call: Call) -> object:
    """Return the helplines of the household's country."""
    home, lines = call.household, bundled_helplines(call.context.facts())
    to_vouch = lines.to_confirm(home.country, home.helplines)
    ids = {each.id for each in to_vouch}
    shown = (each for each in lines.lines(home.country, home.helplines) if each.id not in ids)
    return [_helpline_json(each, home, to_vouch=each.id in ids) for each in (*shown, *to_vouch)]


def _helpline_json(line: Helpline, home: Household, *, to_vouch: bool) -> dict[str, object]:
    return {
        "id": line.id,
        "name": line.name,
        "number": line.phone.shown if line.phone else "",
        "text_word": line.message.word if line.message else "",
        "text_to": line.message.to if line.message else "",
        "site": line.site,
        "vouched": line.id in home.helplines,
        "to_vouch": to_vouch,
    }


async def services(call: Call) -> object:
    """Return the services of the household, then those that ship with copdns."""
    own = [
        _service_json(each.slug, each.title, each.contact, "here", each.names)
        for each in call.household.services
    ]
    shipped = call.context.snapshot().library.services.values()
    return own + [
        _service_json(each.slug, each.title, each.contact, "copdns", each.matchers)
        for each in shipped
    ]


def _service_json(
    slug: str, title: str, contact: Contact, defined: str, names: Iterable[Matcher]
) -> dict[str, object]:
    texts = [str(each) for each in names]
    return {"id": slug, "title": title, "contact": contact, "defined": defined, "names": texts}


async def add_own_service(call: Call) -> object:
    """Add a service; raise HouseholdError where its id is taken."""
    wanted: ServiceWanted = call.body
    edit = partial(
        add_service,
        slug=wanted.id,
        title=wanted.title,
        names=wanted.names,
        known=call.context.known_ids(),
        contact=wanted.contact,
    )
    service = (await call.change(f"service {wanted.id} added", edit)).services[-1]
    return _service_json(service.slug, service.title, service.contact, "here", service.names)


def _own_slug(call: Call) -> str:
    """Return the slug in the path; raise Refused (404) where no own service has it."""
    slug = call.part("service")
    if not any(each.slug == slug for each in call.household.services):
        raise Refused(404, "There is no such service of this household's own")
    return slug


async def set_own_service(call: Call) -> object:
    """Replace a service; it stays blocked for whom it was blocked."""
    wanted: ServiceSet = call.body
    slug = _own_slug(call)
    edit = partial(
        set_service, slug=slug, title=wanted.title, names=wanted.names, contact=wanted.contact
    )
    after = await call.change(f"service {slug} changed", edit)
    new = next(each for each in after.services if each.slug == slug)
    return _service_json(new.slug, new.title, new.contact, "here", new.names)


async def remove_own_service(call: Call) -> object:
    """Remove a service that no profile blocks."""
    slug = _own_slug(call)
    await call.change(f"service {slug} removed", partial(remove_service, slug=slug))
    return None


async def audit(call: Call) -> object:
    """Return the newest changes of the household, as many as `limit`."""
    query: AuditAsked = call.query
    found = await call.context.store.changes(call.household.id, query.limit)
    return [
        {"revision": each.revision, "at": utc(each.at), "author": each.author, "what": each.what}
        for each in found
    ]


async def export(call: Call) -> object:
    """Return people, devices and rules as YAML; no lookups."""
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
        "/helplines",
        Permission.SEE_PROFILES,
        "Helplines of the household's country",
        helplines,
        list[LineShown],
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
        "PUT",
        "/services/{service}",
        _EDIT,
        "Change an own service",
        set_own_service,
        ServiceShown,
        body=ServiceSet,
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
        "GET",
        "/household.yaml",
        Permission.EXPORT,
        "The household as a file, which `copdns household import` takes back",
        export,
        str,
        text="application/yaml",
        step_up=True,
    ),
)
