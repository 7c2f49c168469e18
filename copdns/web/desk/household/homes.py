"""A child in two homes: make the file for the other home, read that of the other home and agree,
type its code, end it.

The file and its code are shown once, in the response to the form; what was brought is stored after
a preview and a yes.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from copdns.accounts.codes import make_child_file
from copdns.accounts.other_home import HomeMessage, SharedChild, open_child
from copdns.accounts.roles import Permission, may
from copdns.household.edits import add_profile
from copdns.household.safeguards import default_mode
from copdns.list_files.load import bundled_presets
from copdns.model.errors import HouseholdError
from copdns.model.household import Household, Profile
from copdns.model.sentences import sentence
from copdns.store.household_db.other_homes import OtherHome
from copdns.web.confirmation import require_sure
from copdns.web.desk.change import say_done
from copdns.web.desk.form import Form
from copdns.web.desk.house_request import HouseRequest, form_of, require_house
from copdns.web.desk.person.people import free_person_id
from copdns.web.device_setup.qr import qr
from copdns.web.step_up import require_step_up

HERE = "/guardian/homes"
NEW = ""  # in place of a person's id: somebody who is not here yet


async def homes(request: web.Request) -> web.Response:
    """Show which children have another home, and the forms."""
    return await _page(await require_house(request, Permission.SEE_PROFILES))


async def make(request: web.Request) -> web.Response:
    """Make the file of a child, and show it with its code."""
    home = await require_house(request, Permission.EDIT_PROFILES)
    await require_step_up(request, home.actor)
    child = _find_child(home, (await form_of(request)).one("profile"))
    made = await asyncio.to_thread(make_child_file, child.name, child.band_at(home.now))
    await _begin(home, child.id, made.secret, brought=False)
    return await _page(home, file=made.text, code=made.code, about=child.name)


async def look(request: web.Request) -> web.Response:
    """Show what is in a file; nothing is stored."""
    home = await require_house(request, Permission.EDIT_PROFILES)
    form = await form_of(request)
    shared = await _open(form)
    return home.context.pages.render(
        request,
        "desk/homes_look.html",
        actor=home.actor,
        household=home.household,
        shared=shared,
        children=_children(home.household),
        same=next((e.id for e in _children(home.household) if e.name == shared.name), NEW),
        file=form.one("file"),
        code=form.one("code"),
    )


async def agree(request: web.Request) -> web.Response:
    """Agree to what a file says, for somebody who is here or is new."""
    home = await require_house(request, Permission.EDIT_PROFILES)
    await require_step_up(request, home.actor)
    form = await form_of(request)
    shared, wanted = await _open(form), form.one("profile")
    await home.context.other_homes.check_unused(home.household.id, shared.secret)
    person = await _add(home, shared) if wanted == NEW else _find_child(home, wanted).id
    await _begin(home, person, shared.secret, brought=True)
    done = sentence("Agreed. Give the other home the code that is shown here")
    say_done(request, home.actor, done)
    raise web.HTTPSeeOther(HERE)


async def take_code(request: web.Request) -> web.Response:
    """Do what a code of the other home tells."""
    home = await require_house(request, Permission.EDIT_PROFILES)
    message, _ = await home.context.other_homes.take_code(
        home.household.id, (await form_of(request)).one("code"), home.actor.name, home.now
    )
    done = sentence("Both homes have agreed")
    if message is HomeMessage.ENDED:
        done = sentence("It has ended here, as in the other home")
    say_done(request, home.actor, done)
    raise web.HTTPSeeOther(HERE)


async def end(request: web.Request) -> web.Response:
    """End it, and show the code for the other home; a second time is harmless."""
    home = await require_house(request, Permission.EDIT_PROFILES)
    profile = home.household.profile(request.match_info["person"])
    if profile is None:
        raise web.HTTPNotFound
    question = sentence(
        "end it for %(name)s? Each home keeps its own rules. The other home is not told "
        "automatically: you get a code for it",
        name=profile.name,
    )
    await require_sure(request, question)
    code = await home.context.other_homes.end(
        home.household.id, profile.id, home.actor.name, home.now
    )
    return await _page(home, end_code=code, about=profile.name)


async def _begin(home: HouseRequest, person: str, secret: bytes, *, brought: bool) -> None:
    agreed = home.now if brought else None
    author = home.actor.name
    new = OtherHome(home.household.id, person, secret, home.now, author, brought, agreed)
    await home.context.other_homes.begin(new)


async def _add(home: HouseRequest, shared: SharedChild) -> str:
    """Add the child of a file with what is suggested for the age; return the id."""
    ids: list[str] = []

    def edit(household: Household) -> Household:
        if any(each.name == shared.name for each in household.profiles):
            raise HouseholdError(
                "There is already someone called %(called)s; choose that person instead",
                name="profile",
                called=shared.name,
            )
        ids.append(free_person_id(shared.name, household))
        new = Profile(ids[-1], shared.name, shared.band, privacy=default_mode(shared.band))
        known, preset = home.context.known_ids(), bundled_presets()[shared.band]
        return add_profile(household, new, known, preset, times=False)

    await home.change(f"person added: {shared.name}", edit)
    return ids[-1]


async def _open(form: Form) -> SharedChild:
    return await asyncio.to_thread(open_child, form.one("file"), form.one("code"))


def _children(household: Household) -> list[Profile]:
    return [each for each in household.profiles if each.band.is_child]


def _find_child(home: HouseRequest, wanted: str) -> Profile:
    found = next((each for each in _children(home.household) if each.id == wanted), None)
    if found is None:
        raise HouseholdError("choose one of the children on the page", name="profile")
    return found


async def _page(
    home: HouseRequest, file: str = "", code: str = "", end_code: str = "", about: str = ""
) -> web.Response:
    return home.context.pages.render(
        home.request,
        "desk/homes.html",
        actor=home.actor,
        household=home.household,
        children=_children(home.household),
        homes=await home.context.other_homes.of(home.household.id),
        may_edit=may(home.actor, Permission.EDIT_PROFILES),
        file=file,
        picture_code=qr(file) if file else None,
        code=code,
        end_code=end_code,
        about=about,
    )
