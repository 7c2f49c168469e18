"""Local DNS records, rewrites, conditional forwarding, and services of the household's own.

The edits and their errors are those of the API and of `copdns local`, `rewrite`, `split` and
`service`.  A new value replaces the old one, so a form that is sent twice makes one thing.
Removing twice is harmless.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple, NoReturn

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.household.check import KnownIds, is_protected
from copdns.household.edit_checks import free_public_slug
from copdns.household.name_edits import (
    remove_local_name,
    remove_rewrite,
    remove_split_upstream,
    set_local_name,
    set_rewrite,
    set_split_upstream,
)
from copdns.household.rule_edits import (
    add_service,
    blocking,
    remove_service,
    set_service,
    speaking_of,
)
from copdns.list_files.load import known_resolvers
from copdns.model.addresses import address, domain, is_address
from copdns.model.broad_names import broad_names, is_public
from copdns.model.encrypted_addresses import split_address
from copdns.model.errors import HouseholdError
from copdns.model.household import Contact, Household, OwnService
from copdns.model.local_records import scoped_local_domain
from copdns.model.matchers import parse_matcher
from copdns.model.scoped_names import EVERY_NAME, read_scoped_name
from copdns.model.times import Topic, TopicKind
from copdns.policy.judge import RebindingGuard, guarded_splits
from copdns.web.context import context_of
from copdns.web.desk.form import Form
from copdns.web.desk.house_request import HouseRequest, form_of, require_house
from copdns.web.desk.household import dns_servers
from copdns.web.desk.person.people import parse_name
from copdns.web.desk.time.forms import read_choice, read_field
from copdns.web.session import require
from copdns.web.step_up import require_step_up

PAGE = "/guardian/names"
MAX_ADDRESSES, MAX_NAMES = 20, 200  # of a name, and of a service: as many as the API takes


class ServiceUse(NamedTuple):
    """A service of the household's own, which cannot be removed while anything uses it.

    people: id and name of those for whom it is blocked.  met: the same of those for whom it is
    blocked because of who can send messages there, its own switch being off.  others: ids of
    schedules, budgets and people that name it otherwise.
    """

    service: OwnService
    people: tuple[tuple[str, str], ...]
    met: tuple[tuple[str, str], ...]
    others: tuple[str, ...]


async def names(request: web.Request) -> web.Response:
    """Show local names, rewrites, forwarded domains and services."""
    home = await require_house(request, Permission.SEE_PROFILES)
    return context_of(request).pages.render(
        request,
        "desk/names.html",
        actor=home.actor,
        household=home.household,
        services=tuple(_service_use(home.household, each) for each in home.household.services),
        contacts=tuple(Contact),
        tags=sorted({tag for each in home.household.profiles for tag in each.tags}),
        broad=broad_names(home.household),
        protected=_protected_names(home),
        splits=[e for e in home.household.split_upstreams if e.key != EVERY_NAME],
        usual=dns_servers.usual_servers(home.context, home.household),
        resolvers=known_resolvers(),
        guarded=guarded_splits(home.household, _rebinding_guard(home)),
        may_edit=may(home.actor, Permission.EDIT_HOUSEHOLD),
    )


def _rebinding_guard(home: HouseRequest) -> RebindingGuard:
    chosen = home.context.settings().rebinding
    return RebindingGuard(chosen.enabled, chosen.allow, chosen.names)


def _protected_names(home: HouseRequest) -> frozenset[str]:
    """Return which names that the household answers or forwards are protected, as by a new list."""
    household, known = home.household, home.context.known_ids()
    written = (
        *(each.domain for each in household.local_names),
        *(each.matcher.name for each in household.rewrites),
        *(each.name for each in household.split_upstreams if each.name),
    )
    return frozenset(name for name in written if is_protected(household, known, name))


def _service_use(household: Household, service: OwnService) -> ServiceUse:
    names = {each.id: each.name for each in household.profiles}
    people = blocking(household, service.slug)
    met = [
        each.id
        for each in household.profiles
        if service.contact in each.contacts
        and service.slug not in each.contact_exceptions | each.services
    ]
    others = speaking_of(household, Topic(TopicKind.SERVICE, service.slug))
    called, called_met = (tuple((each, names[each]) for each in some) for some in (people, met))
    return ServiceUse(service, called, called_met, tuple(others))


# --- names of devices, names that lead to another, domains of other resolvers ---------------------


class _Kind(NamedTuple):
    """A kind of name with values.

    said: how the history calls one, with {} for its name.  there: those of a household.  name,
    values: read a form; raise HouseholdError.  put: sets the values of a name, which may be new.
    """

    said: str
    there: Callable[[Household], Iterable[str]]
    name: Callable[[Form], str]
    values: Callable[[Form], tuple[str, ...]]
    put: Callable[[Household, str, tuple[str, ...], KnownIds], Household]
    remove: Callable[[Household, str], Household]


_LOCAL = _Kind(
    "local name {}",
    lambda household: (each.key for each in household.local_names),
    lambda form: _read_scoped(form, scoped_local_domain),  # which is defined below
    lambda form: _parse_several(form, "addresses", address),
    lambda household, name, values, known: _set_addresses(household, name, values, known),
    remove_local_name,
)
_REWRITE = _Kind(
    "rewrite of {}",
    lambda household: (str(each.matcher) for each in household.rewrites),
    lambda form: str(read_field(parse_matcher, form.one("name"), "name")),
    lambda form: (_parse_target(form.one("target")),),
    lambda household, name, values, known: set_rewrite(household, name, values[0], known),
    remove_rewrite,
)
_SPLIT = _Kind(
    "conditional forwarding for {}",
    lambda household: (e.key for e in household.split_upstreams if e.key != EVERY_NAME),
    lambda form: _read_scoped(form, read_scoped_name),
    lambda form: _parse_several(form, "upstreams", split_address),
    set_split_upstream,
    remove_split_upstream,
)


def _set_addresses(
    household: Household, name: str, values: tuple[str, ...], known: KnownIds
) -> Household:
    """Set the addresses of a local name; its other records stay."""
    records = [each.records for each in household.local_names if each.key == name]
    return set_local_name(household, name, (*values, *itertools.chain(*records)), known)


async def add_local(request: web.Request) -> web.Response:
    """Add a local name with its addresses."""
    await _add(request, _LOCAL)


async def change_local(request: web.Request) -> web.Response:
    """Change the addresses of a local name."""
    await _change(request, _LOCAL)


async def drop_local(request: web.Request) -> web.Response:
    """Remove a local name."""
    await _require_sure_of_site(request, request.match_info["name"])
    await _drop(request, _LOCAL.said, _LOCAL.there, _LOCAL.remove)


async def add_rewrite(request: web.Request) -> web.Response:
    """Answer a name with the records of another one."""
    await _add(request, _REWRITE)


async def change_rewrite(request: web.Request) -> web.Response:
    """Change the target of a rewrite."""
    await _change(request, _REWRITE)


async def drop_rewrite(request: web.Request) -> web.Response:
    """Remove a rewrite."""
    await _require_sure_of_site(request, request.match_info["name"])
    await _drop(request, _REWRITE.said, _REWRITE.there, _REWRITE.remove)


async def add_split(request: web.Request) -> web.Response:
    """Forward a domain to other upstreams."""
    await _require_sure(request)
    await _add(request, _SPLIT)


async def change_split(request: web.Request) -> web.Response:
    """Change the upstreams of a domain."""
    await _require_sure(request)
    await _change(request, _SPLIT)


async def drop_split(request: web.Request) -> web.Response:
    """Forward a domain to the usual upstreams again."""
    await _require_sure(request)
    await _drop(request, _SPLIT.said, _SPLIT.there, _SPLIT.remove)


async def _require_sure(request: web.Request) -> None:
    """Raise unless a guardian is surely there: who is asked for a name sees it."""
    await require_step_up(request, await require(request, Permission.EDIT_HOUSEHOLD))


async def _require_sure_of_site(request: web.Request, name: str) -> None:
    """Raise as `_require_sure`, for a site on the internet: where it leads, they see who uses it.

    name: as written, such as "*.bank.example", or "nas.bank.example@mia".
    """
    if is_public(name.partition("@")[0].removeprefix("*.").removeprefix("=")):
        await _require_sure(request)


async def _add(request: web.Request, kind: _Kind) -> NoReturn:
    home, form = await _house_and_form(request)
    await _keep(home, kind, kind.name(form), form)


async def _change(request: web.Request, kind: _Kind) -> NoReturn:
    home, form = await _house_and_form(request)
    await _keep(home, kind, _require_listed(request, kind.there(home.household)), form)


async def _keep(home: HouseRequest, kind: _Kind, name: str, form: Form) -> NoReturn:
    values = kind.values(form)
    what = f"{kind.said.format(name)}: {', '.join(values)}"
    known = home.context.known_ids()
    await _require_sure_of_site(home.request, name)
    if kind is _SPLIT:
        kind.put(home.household, name, values, known)  # what cannot be is told before anyone waits
        if not form.has(dns_servers.ANYWAY):
            await dns_servers.require_answers(home, values)
    await home.change(what, lambda household: kind.put(household, name, values, known))
    raise web.HTTPSeeOther(PAGE)


# --- services of the house's own ------------------------------------------------------------------


async def add_own_service(request: web.Request) -> web.Response:
    """Add a service: several names that can be blocked as one."""
    home, form = await _house_and_form(request)
    title, found, contact = _read_service(form)
    there = home.household.services
    if any(
        _is_same_service(each, title, found, contact) for each in there
    ):  # the form was sent twice
        raise web.HTTPSeeOther(PAGE)
    known = home.context.known_ids()
    taken = {*known.services, *(each.slug for each in there)}
    slug = free_public_slug(title, taken, "service", home.household)
    edit = partial(add_service, slug=slug, title=title, names=found, known=known, contact=contact)
    await home.change(f"service {slug} added", edit)
    raise web.HTTPSeeOther(PAGE)


async def change_own_service(request: web.Request) -> web.Response:
    """Change a service; it stays blocked for whom it was blocked."""
    home, form = await _house_and_form(request)
    slug = _require_listed(request, _own_slugs(home.household))
    title, found, contact = _read_service(form)
    edit = partial(set_service, slug=slug, title=title, names=found, contact=contact)
    await home.change(f"service {slug} changed", edit)
    raise web.HTTPSeeOther(PAGE)


async def drop_own_service(request: web.Request) -> web.Response:
    """Remove a service; raise HouseholdError while anything uses it."""
    await _drop(request, "service {}", _own_slugs, remove_service)


def _own_slugs(household: Household) -> Iterable[str]:
    return (each.slug for each in household.services)


def _read_service(form: Form) -> tuple[str, tuple[str, ...], Contact]:
    """Return title, names and contact of a service from a form; raise HouseholdError."""
    title = parse_name(form.one("name"))
    found = _parse_several(form, "names", parse_matcher, MAX_NAMES)
    return title, found, read_choice(Contact, form.one("contact"), "contact")


def _is_same_service(
    service: OwnService, title: str, names: tuple[str, ...], contact: Contact
) -> bool:
    stored = service.title, tuple(map(str, service.names)), service.contact
    return stored == (title, names, contact)


# --- what all forms have in common ----------------------------------------------------------------


async def _house_and_form(request: web.Request) -> tuple[HouseRequest, Form]:
    return await require_house(request, Permission.EDIT_HOUSEHOLD), await form_of(request)


async def _drop(
    request: web.Request,
    said: str,
    there: Callable[[Household], Iterable[str]],
    remove: Callable[[Household, str], Household],
) -> NoReturn:
    """Remove what the path names, where it is there.  Parameters: as in `_Kind`."""
    home = await require_house(request, Permission.EDIT_HOUSEHOLD)
    name = request.match_info["name"]
    if name in there(home.household):
        what = f"{said.format(name)} removed"
        await home.change(what, lambda household: remove(household, name))
    raise web.HTTPSeeOther(PAGE)


def _require_listed(request: web.Request, names: Iterable[str]) -> str:
    """Return the name in the path; raise HTTPNotFound where it is none of these."""
    name = request.match_info["name"]
    if name not in names:
        raise web.HTTPNotFound
    return name


def _read_scoped(form: Form, read: Callable[[str], object]) -> str:
    """Return the name in a form and for whom it is, as `read` reads them."""
    name, scope = form.one("name").strip(), form.one("scope")
    text = f"{name}@{scope}" if scope else name
    return str(read_field(read, text, "name"))


def _parse_target(text: str) -> str:
    """Return the target of a rewrite; an address as it is, which `set_rewrite` refuses."""
    return text.strip() if is_address(text) else read_field(domain, text, "target")


def _parse_several(
    form: Form, field: str, parse: Callable[[str], object], most: int = MAX_ADDRESSES
) -> tuple[str, ...]:
    """Return the values in a field, each once, in normal form.  They are separated by blanks,
    commas, semicolons or line breaks.  Raises HouseholdError for none and for too many."""
    texts = [each for each in re.split(r"[\s,;]+", form.one(field)) if each]
    if not texts:
        raise HouseholdError("enter at least one", name=field)
    if len(texts) > most:
        raise HouseholdError("enter at most %(most)s", name=field, most=most)
    return tuple(dict.fromkeys(str(read_field(parse, each, field)) for each in texts))
