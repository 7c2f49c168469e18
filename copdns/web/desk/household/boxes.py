"""Second boxes: pair one, see which follow and when each fetched last, end one.

The key is shown once, in the response to the form; no page shows it again.
"""

from __future__ import annotations

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.model.errors import HouseholdError
from copdns.model.sentences import sentence
from copdns.web.confirmation import require_sure
from copdns.web.desk.change import say_done
from copdns.web.desk.house_request import HouseRequest, form_of, require_house
from copdns.web.second_box.bundles import FirstBox
from copdns.web.step_up import require_step_up

HERE = "/guardian/boxes"


async def boxes(request: web.Request) -> web.Response:
    """Show the boxes that follow, and the form for another one."""
    return await _page(await require_house(request, Permission.SEE_PROFILES))


async def pair(request: web.Request) -> web.Response:
    """Pair a box, and show its key."""
    home = await require_house(request, Permission.EDIT_HOUSEHOLD)
    await require_step_up(request, home.actor)
    name = (await form_of(request)).one("name")
    first = _require_first_box(home)
    key = await first.followers.pair(home.household.id, name, home.actor, home.now)
    return await _page(home, key=key.text, paired=" ".join(name.split()))


async def end(request: web.Request) -> web.Response:
    """End a box's following; a second time is harmless."""
    home = await require_house(request, Permission.EDIT_HOUSEHOLD)
    first, wanted = _require_first_box(home), request.match_info["box"]
    found = await first.followers.of(home.household.id)
    box = next((each for each in found if each.id == wanted), None)
    if box is not None:
        question = sentence(
            "end the pairing with “%(name)s”? Within seconds it has only the guest rules, for "
            "everyone, until you pair it again",
            name=box.name,
        )
        await require_sure(request, question)
        await first.followers.end(home.household.id, box.id, home.actor, home.now)
        say_done(request, home.actor, sentence("“%(name)s” is no longer paired", name=box.name))
    raise web.HTTPSeeOther(HERE)


def _require_first_box(home: HouseRequest) -> FirstBox:
    if home.context.first_box is None:
        raise HouseholdError(
            "no second copdns computer can be paired: the household of this one is not in a file "
            "here"
        )
    return home.context.first_box


async def _page(home: HouseRequest, key: str = "", paired: str = "") -> web.Response:
    first, https = home.context.first_box, home.context.https()
    return home.context.pages.render(
        home.request,
        "desk/boxes.html",
        actor=home.actor,
        boxes=() if first is None else await first.followers.of(home.household.id),
        can_pair=first is not None and bool(https.port),
        may_edit=may(home.actor, Permission.EDIT_HOUSEHOLD),
        address=_address(home, https.port) if https.port else "",
        key=key,
        paired=paired,
        now=home.now,
        zone=home.household.timezone,
    )


def _address(home: HouseRequest, port: int) -> str:
    """Return where this box is for the second one: by an address, since its names lead there to
    the second box itself."""
    own = next((each for each in home.context.addresses() if ":" not in each), "")
    host = own or next(iter(home.context.addresses()), "127.0.0.1")
    host = f"[{host}]" if ":" in host else host
    return f"https://{host}" if port == 443 else f"https://{host}:{port}"
