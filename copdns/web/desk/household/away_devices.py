"""A device that is recognised away from home too: what that takes, what it means, its token with
files and lines, once, and how a token is revoked."""

from __future__ import annotations

import asyncio
from functools import partial

from aiohttp import web

from copdns.accounts.codes import make_appeal_id, make_device_token
from copdns.accounts.roles import Permission, may
from copdns.household.token_edits import add_token, revoke_token
from copdns.model.device_tokens import short_token
from copdns.model.errors import HouseholdError
from copdns.model.household import Device
from copdns.model.sentences import sentence
from copdns.network.probes import is_code
from copdns.policy.listener_name import HomeLead, find_home_lead
from copdns.policy.special_names import PROBE_ZONE
from copdns.web.confirmation import require_sure
from copdns.web.context import childs_page
from copdns.web.desk.house_request import HouseRequest, form_of, require_house
from copdns.web.desk.household.device_setup import device_of, find_result, next_turn
from copdns.web.desk.page import stored_household
from copdns.web.device_setup import files
from copdns.web.device_setup.apple import ProfileWishes, read_networks
from copdns.web.device_setup.away_setup import (
    AWAY,
    SHOWN_FOR,
    AwaySetup,
    end_in_time,
    look_at_readiness,
)
from copdns.web.device_setup.offer import send_offered
from copdns.web.device_setup.qr import qr
from copdns.web.device_setup.server import addresses_at_home
from copdns.web.own_account import own_account_of
from copdns.web.step_up import require_step_up


async def show(request: web.Request) -> web.Response:
    """Show what is missing, or what it means and the form."""
    home = await require_house(request, Permission.SEE_PROFILES)
    found = device_of(home)
    readiness = await look_at_readiness(request)
    return home.context.pages.render(
        request,
        "desk/device_away.html",
        actor=home.actor,
        may_edit=may(home.actor, Permission.EDIT_DEVICES),
        household=home.household,
        device=found,
        people={each.id: each.name for each in home.household.profiles},
        readiness=readiness,
        is_offered=readiness.is_offered(home.context),
        counts_everywhere=home.context.settings().node.public,
        offer=readiness.offer(home.context, ""),
        listener=home.context.settings().for_devices.encrypted.name,
        lead=_lead_of(home, found),
        own_addresses=addresses_at_home(home.context.addresses()),
        zone=home.household.timezone,
        short_token=short_token,
    )


def _lead_of(home: HouseRequest, device: Device) -> HomeLead | None:
    """Return where the listener's name leads a device at home; None where there is no name."""
    name = home.context.settings().encrypted.name
    if not name:
        return None
    policy = home.context.snapshot_of(home.household).policy(home.household.id, device.profile)
    return find_home_lead(policy, name, home.context.addresses(), home.now)


async def make(request: web.Request) -> web.Response:
    """Make a token for a device, and lead to what it is set up with."""
    home = await require_house(request, Permission.EDIT_DEVICES)
    await require_step_up(request, home.actor)
    own = await own_account_of(request, home.actor)
    found, form = device_of(home), await form_of(request)
    if not form.has("read"):
        raise HouseholdError("tick the box to say that you read what this means", name="read")
    readiness = await look_at_readiness(request)
    if not readiness.is_offered(home.context):
        raise HouseholdError("this cannot be set up yet; the page says what is missing")
    networks = read_networks(form.one("networks"))
    wishes = ProfileWishes(not form.has("strict"), networks, form.has("off_at_home"))
    token = make_device_token()
    made = AwaySetup(
        make_device_token(),
        home.household.id,
        found.id,
        token,
        readiness,
        wishes,
        own.session.digest,
        home.now + SHOWN_FOR,
    )
    made = await _store(home, made)
    raise web.HTTPSeeOther(f"/guardian/devices/{found.id}/away/{made.code}")


async def _store(home: HouseRequest, made: AwaySetup) -> AwaySetup:
    """Give a device its token, and return what is shown: what was made a moment ago where the
    button was pressed twice, since nobody would see the other token."""
    setups = home.request.app[AWAY]
    async with setups.one_by_one:
        household = await stored_household(home.request, home.actor)
        twin = setups.find_twin(made, household, home.now)
        if twin is not None:
            return twin
        edit = partial(add_token, device_id=made.device, digest=made.digest)
        await home.change(f"device {made.device}: token added", edit)
        setups.add(made)
    asyncio.get_running_loop().call_later(SHOWN_FOR, setups.forget, made.code)
    return made


async def show_made(request: web.Request) -> web.Response:
    """Show what a device is set up with, to the browser that made it, for ten minutes."""
    home = await require_house(request, Permission.EDIT_DEVICES)
    made, found = await _find_setup(home), device_of(home)
    offer, door = made.readiness.offer(home.context, made.token), childs_page(home.request)
    sent = request.query.get("code", "")
    code = sent if is_code(sent) else make_appeal_id()
    child_url = f"{door}device/away/{made.code}"
    page = home.context.pages.render(
        request,
        "desk/device_away_made.html",
        actor=home.actor,
        household=home.household,
        device=found,
        people={each.id: each.name for each in home.household.profiles},
        offer=offer,
        windows=files.netsh_lines(offer.server, may_fall_back=made.wishes.may_fall_back),
        router=files.openwrt_lines(offer.server),
        made=made,
        short=short_token(made.digest),
        short_token=short_token,
        until=made.until,
        zone=home.household.timezone,
        child_url=child_url,
        child_code=qr(child_url),
        code=code,
        was_sent=sent == code,
        seen=find_result(home, code),
        turn=next_turn(request),
        test_url=f"http://{code}-1.{PROBE_ZONE}/",
        test_code=qr(f"http://{code}-1.{PROBE_ZONE}/"),
    )
    return end_in_time(request, page, made, home.now)


async def file(request: web.Request) -> web.Response:
    """Return a file for a device, with its token, to the browser that made it."""
    home = await require_house(request, Permission.EDIT_DEVICES)
    made = await _find_setup(home)
    offer = made.readiness.offer(home.context, made.token)
    return await send_offered(request, offer, (made.household, made.device), made.wishes)


async def revoke(request: web.Request) -> web.Response:
    """Revoke a token of a device: it never comes back."""
    home = await require_house(request, Permission.EDIT_DEVICES)
    found, token = device_of(home), request.match_info["token"]
    back = web.HTTPSeeOther("/guardian/devices")
    if token not in map(short_token, found.tokens):
        raise back
    question = sentence(
        "revoke the token %(token)s of %(device)s? Anything that still uses it opens no sites "
        "within a second, not even helplines, until it is set up again. A revoked token never "
        "comes back",
        token=token,
        device=found.name or found.id,
    )
    await require_sure(request, question)
    edit = partial(revoke_token, device_id=found.id, token=token)
    await home.change(f"device {found.id}: token revoked", edit)
    raise back


async def _find_setup(home: HouseRequest) -> AwaySetup:
    """Return what this browser made for the device of the path; raise HTTPNotFound."""
    own = await own_account_of(home.request, home.actor)
    code, device = home.request.match_info["code"], home.request.match_info["device"]
    made = home.request.app[AWAY].find(code, home.household, home.now)
    if made is None or (made.device, made.browser) != (device, own.session.digest):
        raise web.HTTPNotFound(
            reason="This was shown for ten minutes, or until copdns was started again. Set the "
            "device up again, and revoke the token that is not used"
        )
    return made
