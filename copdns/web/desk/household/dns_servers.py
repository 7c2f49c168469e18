"""The DNS servers that all names are asked of: chosen, tried and given back on the page of
technical settings; and whether those of a forwarded domain answer.

What the settings file names is shown, and nobody changes it here.  A server that does not answer is
saved only where somebody says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

from aiohttp import web

from copdns.accounts.roles import Permission
from copdns.household.name_edits import remove_usual_upstreams, set_usual_upstreams
from copdns.list_files.load import known_resolvers
from copdns.model.errors import HouseholdError
from copdns.model.household import Household
from copdns.model.sentences import Sentence, sentence
from copdns.settings.config import SYSTEM
from copdns.web.context import AppContext
from copdns.web.desk.change import say_done
from copdns.web.desk.house_request import HouseRequest, form_of, require_house
from copdns.web.house_checks import describe_troubles, note_and_try, note_try, troubles_of
from copdns.web.step_up import require_step_up

SCHEMES = ("tls", "https", "")  # as a household chooses; the last is plain DNS
PAGE = "/guardian/names"
ANYWAY = "anyway"  # of a form: whoever sends it knows that a server does not answer


class UsualServers(NamedTuple):
    """The servers that all names are asked of.

    servers: as they are written; none: those that this machine was given.  is_fixed: the settings
    name them.  is_chosen: the household does.
    """

    servers: tuple[str, ...]
    is_fixed: bool
    is_chosen: bool


def usual_servers(context: AppContext, household: Household) -> UsualServers:
    """Return the servers in force for a household as stored."""
    settings = context.settings().upstreams
    servers = settings.usual_servers(household.usual_upstreams)
    named = tuple(str(each) for each in servers if each != SYSTEM)
    chosen = bool(household.usual_upstreams) and not settings.are_fixed
    return UsualServers(named, settings.are_fixed, chosen)


async def choose(request: web.Request) -> web.Response:
    """Ask other servers from now on."""
    home = await _require_sure_guardian(request)
    form = await form_of(request)
    if home.context.settings().upstreams.are_fixed:
        raise HouseholdError("the settings file names the DNS servers; change them there")
    resolver, scheme = form.one("resolver"), form.one("scheme")
    known = {each.id: each for each in known_resolvers()}
    if resolver in known and scheme in SCHEMES:
        written = known[resolver].servers(scheme)
    else:
        written = tuple(form.one("upstreams").replace(",", " ").split())
    if not written:
        raise HouseholdError("enter at least one", name="upstreams")
    edit = partial(set_usual_upstreams, upstreams=written, known=home.context.known_ids())
    servers = edit(home.household).usual_upstreams  # in normal form; it raises for what cannot be
    if not form.has(ANYWAY):
        await require_answers(home, servers)
    await home.change(f"DNS servers: {', '.join(servers)}", edit)
    raise web.HTTPSeeOther(PAGE)


async def give_back(request: web.Request) -> web.Response:
    """Ask the servers that this machine was given again; twice is harmless."""
    home = await _require_sure_guardian(request)
    if home.household.usual_upstreams:
        await home.change("DNS servers: as this computer was given", remove_usual_upstreams)
    raise web.HTTPSeeOther(PAGE)


async def try_usual(request: web.Request) -> web.Response:
    """Ask each server once, and say what is wrong with it."""
    home = await _require_sure_guardian(request)
    await _try(home, usual_servers(home.context, home.household).servers)
    raise web.HTTPSeeOther(PAGE)


async def try_split(request: web.Request) -> web.Response:
    """Ask each server of a forwarded domain once, and say what is wrong with it."""
    home = await _require_sure_guardian(request)
    name = request.match_info["name"]
    for each in home.household.split_upstreams:
        if each.key == name:
            await _try(home, each.upstreams)
    raise web.HTTPSeeOther(PAGE)


async def require_answers(home: HouseRequest, servers: Iterable[str]) -> None:
    """Raise HouseholdError with what is wrong for servers that do not answer."""
    asked = tuple(servers)
    found = await troubles_of(home.context, asked)
    if found:
        await note_try(home.context, home.household.id, home.actor.name, asked)
        raise HouseholdError(
            sentence(
                "%(what)s. Nothing was saved; tick “Save anyway” if you know why",
                what=describe_troubles(found),
            ),
            name="upstreams",
        )


async def _try(home: HouseRequest, servers: Iterable[str]) -> None:
    asked = tuple(servers)
    found = await note_and_try(home.context, home.household.id, home.actor.name, asked)
    said: Sentence
    if not asked:
        said = sentence("the network gave this computer its DNS servers; the checks tell of them")
    elif found:
        said = describe_troubles(found)
    else:
        said = sentence("all of these DNS servers answer: %(servers)s", servers=", ".join(asked))
    say_done(home.request, home.actor, said)


async def _require_sure_guardian(request: web.Request) -> HouseRequest:
    """Return the request; raise StepUpNeededError unless a guardian just proved who they are.

    Whoever is asked sees every name, and whether anybody answers tells of the network at home.
    """
    home = await require_house(request, Permission.EDIT_HOUSEHOLD)
    await require_step_up(request, home.actor)
    return home
