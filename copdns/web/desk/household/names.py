"""Names that this house answers in its own way, and services of its own.

The edits and what they refuse are those of the API and of `copdns local`, `rewrite`, `split` and
`service`.  What is set for a name takes the place of what was set for it before, so the same form
sent twice makes one thing; what is gone already is gone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.household.edit_checks import free_slug
from copdns.household.edits import (
    add_service,
    blocking,
    remove_local_name,
    remove_rewrite,
    remove_service,
    remove_split_upstream,
    set_local_name,
    set_rewrite,
    set_service,
    set_split_upstream,
    speaking_of,
)
from copdns.model.addresses import address, domain, upstream_address
from copdns.model.errors import HouseholdError
from copdns.model.household import Contact, Household, OwnService
from copdns.model.matchers import parse_matcher
from copdns.model.times import Topic, TopicKind
from copdns.web.context import context_of
from copdns.web.desk.person.people import name_in
from copdns.web.desk.time.forms import Form, read_field
from copdns.web.desk.time.page import House, form_of, house

PAGE = "/guardian/names"
MOST, MOST_NAMES = 20, 200  # addresses of a name; names of a service: as many as the API takes


class Used(NamedTuple):
    """A service of the house's own.  people: who it is closed for, by id and name.  others: ids of
    times, limits and people that name it otherwise.  It cannot be removed while there are any."""

    service: OwnService
    people: tuple[tuple[str, str], ...]
    others: tuple[str, ...]


async def names(request: web.Request) -> web.Response:
    """Names of devices, names that lead elsewhere, domains of other resolvers, services."""
    home = await house(request, Permission.SEE_PROFILES)
    return context_of(request).pages.render(
        request,
        "desk/names.html",
        actor=home.actor,
        household=home.household,
        services=tuple(_used(home.household, each) for each in home.household.services),
        contacts=tuple(Contact),
        may_edit=may(home.actor, Permission.EDIT_HOUSEHOLD),
    )


def _used(household: Household, service: OwnService) -> Used:
    called = {each.id: each.name for each in household.profiles}
    people = blocking(household, service.slug)
    others = speaking_of(household, Topic(TopicKind.SERVICE, service.slug))
    return Used(service, tuple((each, called[each]) for each in people), tuple(others))


# --- names of devices -----------------------------------------------------------------------------


async def add_local(request: web.Request) -> web.Response:
    """Give a name of this house its addresses."""
    home, form = await _sent(request)
    return await _keep_local(home, form, read_field(domain, form.one("name"), "name"))


async def change_local(request: web.Request) -> web.Response:
    """Give one that is there others."""
    home, form = await _sent(request)
    name = _there(request, (each.name for each in home.household.local_names))
    return await _keep_local(home, form, name)


async def drop_local(request: web.Request) -> web.Response:
    """Take a name of this house away."""
    home = await house(request, Permission.EDIT_HOUSEHOLD)
    name = request.match_info["name"]
    if any(each.name == name for each in home.household.local_names):
        await home.change(f"local name {name} removed", partial(remove_local_name, name=name))
    raise web.HTTPSeeOther(PAGE)


async def _keep_local(home: House, form: Form, name: str) -> web.Response:
    found = _several(form, "addresses", address)
    edit = partial(set_local_name, name=name, addresses=found)
    await home.change(f"local name {name}: {', '.join(found)}", edit)
    raise web.HTTPSeeOther(PAGE)


# --- names that lead to another -------------------------------------------------------------------


async def add_rewrite(request: web.Request) -> web.Response:
    """Answer a name with the data of another."""
    home, form = await _sent(request)
    return await _keep_rewrite(home, form, str(read_field(parse_matcher, form.one("name"), "name")))


async def change_rewrite(request: web.Request) -> web.Response:
    """Answer it with the data of yet another."""
    home, form = await _sent(request)
    name = _there(request, (str(each.matcher) for each in home.household.rewrites))
    return await _keep_rewrite(home, form, name)


async def drop_rewrite(request: web.Request) -> web.Response:
    """Answer a name with its own data again."""
    home = await house(request, Permission.EDIT_HOUSEHOLD)
    name = request.match_info["name"]
    if any(str(each.matcher) == name for each in home.household.rewrites):
        await home.change(f"rewrite of {name} removed", partial(remove_rewrite, text=name))
    raise web.HTTPSeeOther(PAGE)


async def _keep_rewrite(home: House, form: Form, name: str) -> web.Response:
    target = read_field(domain, form.one("target"), "target")
    edit = partial(set_rewrite, text=name, target_name=target)
    await home.change(f"rewrite of {name}: {target}", edit)
    raise web.HTTPSeeOther(PAGE)


# --- domains of other resolvers -------------------------------------------------------------------


async def add_split(request: web.Request) -> web.Response:
    """Ask other upstreams for a domain."""
    home, form = await _sent(request)
    return await _keep_split(home, form, read_field(domain, form.one("name"), "name"))


async def change_split(request: web.Request) -> web.Response:
    """Ask others for it."""
    home, form = await _sent(request)
    name = _there(request, (each.name for each in home.household.split_upstreams))
    return await _keep_split(home, form, name)


async def drop_split(request: web.Request) -> web.Response:
    """Ask the usual upstreams for a domain again."""
    home = await house(request, Permission.EDIT_HOUSEHOLD)
    name = request.match_info["name"]
    if any(each.name == name for each in home.household.split_upstreams):
        edit = partial(remove_split_upstream, name=name)
        await home.change(f"conditional forwarding for {name} removed", edit)
    raise web.HTTPSeeOther(PAGE)


async def _keep_split(home: House, form: Form, name: str) -> web.Response:
    found = _several(form, "upstreams", upstream_address)
    edit = partial(set_split_upstream, name=name, upstreams=found)
    await home.change(f"conditional forwarding for {name}: {', '.join(found)}", edit)
    raise web.HTTPSeeOther(PAGE)


# --- services of the house's own ------------------------------------------------------------------


async def add_own_service(request: web.Request) -> web.Response:
    """Name some sites together, so that they can be closed as one."""
    home, form = await _sent(request)
    title, found, contact = _service(form)
    there = home.household.services
    if any(_same(each, title, found, contact) for each in there):  # it was sent twice
        raise web.HTTPSeeOther(PAGE)
    known = home.parts.known()
    slug = free_slug(title, {*known.services, *(each.slug for each in there)}, "service")
    edit = partial(add_service, slug=slug, title=title, names=found, known=known, contact=contact)
    await home.change(f"service {slug} added", edit)
    raise web.HTTPSeeOther(PAGE)


async def change_own_service(request: web.Request) -> web.Response:
    """Change one; whoever it is closed for goes on with what it is then."""
    home, form = await _sent(request)
    slug = _there(request, (each.slug for each in home.household.services))
    title, found, contact = _service(form)
    edit = partial(set_service, slug=slug, title=title, names=found, contact=contact)
    await home.change(f"service {slug} changed", edit)
    raise web.HTTPSeeOther(PAGE)


async def drop_own_service(request: web.Request) -> web.Response:
    """Take one away that nothing names any more; raise HouseholdError where something does."""
    home = await house(request, Permission.EDIT_HOUSEHOLD)
    slug = request.match_info["name"]
    if any(each.slug == slug for each in home.household.services):
        await home.change(f"service {slug} removed", partial(remove_service, slug=slug))
    raise web.HTTPSeeOther(PAGE)


def _service(form: Form) -> tuple[str, tuple[str, ...], Contact]:
    """Return what a service is called, its names and with whom it puts a child in touch."""
    title = name_in(form.one("name"))
    found = _several(form, "names", parse_matcher, MOST_NAMES)
    try:
        return title, found, Contact(form.one("contact"))
    except ValueError:
        raise HouseholdError("choose one of the answers on the page", name="contact") from None


def _same(service: OwnService, title: str, names: tuple[str, ...], contact: Contact) -> bool:
    there = service.title, tuple(map(str, service.names)), service.contact
    return there == (title, names, contact)


# --- what all forms have in common ----------------------------------------------------------------


async def _sent(request: web.Request) -> tuple[House, Form]:
    return await house(request, Permission.EDIT_HOUSEHOLD), await form_of(request)


def _there(request: web.Request, names: Iterable[str]) -> str:
    """Return what the path names; raise HTTPNotFound."""
    name = request.match_info["name"]
    if name not in names:
        raise web.HTTPNotFound
    return name


def _several(
    form: Form, field: str, parse: Callable[[str], object], most: int = MOST
) -> tuple[str, ...]:
    """Return the normal forms of what was written into a field, apart by blanks, commas or lines,
    each once; raise HouseholdError for none and for too many."""
    texts = [each for each in re.split(r"[\s,;]+", form.one(field)) if each]
    if not texts:
        raise HouseholdError("enter at least one", name=field)
    if len(texts) > most:
        raise HouseholdError("enter at most %(most)s", name=field, most=most)
    return tuple(dict.fromkeys(str(read_field(parse, each, field)) for each in texts))
